/** openat2(2) and the calls that act on (directory descriptor, name). */
import { declare, type CPath } from './libc.ts'
import { errno } from './errno.ts'

/** fcntl.h */
export const AT_FDCWD = -100
export const AT_SYMLINK_NOFOLLOW = 0x100
export const AT_REMOVEDIR = 0x200
export const AT_SYMLINK_FOLLOW = 0x400
export const AT_NO_AUTOMOUNT = 0x800
export const AT_EMPTY_PATH = 0x1000
/** Of statx: what the server says now. */
export const AT_STATX_FORCE_SYNC = 0x2000
/** Of statx: what the kernel knows will do; a server need not be asked. */
export const AT_STATX_DONT_SYNC = 0x4000

const arm = process.arch === 'arm64'
/** asm-generic/fcntl.h; arm64 swaps four of them. */
export const O = {
  RDONLY: 0,
  WRONLY: 1,
  RDWR: 2,
  ACCMODE: 3,
  CREAT: 0o100,
  EXCL: 0o200,
  NOCTTY: 0o400,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  DSYNC: 0o10000,
  DIRECT: arm ? 0o200000 : 0o40000,
  LARGEFILE: arm ? 0o400000 : 0o100000,
  DIRECTORY: arm ? 0o40000 : 0o200000,
  NOFOLLOW: arm ? 0o100000 : 0o400000,
  NOATIME: 0o1000000,
  CLOEXEC: 0o2000000,
  SYNC: 0o4010000,
  PATH: 0o10000000,
  TMPFILE: (arm ? 0o40000 : 0o200000) | 0o20000000,
} as const

/** linux/openat2.h */
export const RESOLVE = {
  NO_XDEV: 0x01,
  NO_MAGICLINKS: 0x02,
  NO_SYMLINKS: 0x04,
  BENEATH: 0x08,
  IN_ROOT: 0x10,
  CACHED: 0x20,
} as const

const SYS_openat2 = 437
const syscallOpen = declare<[number, number, CPath, Uint8Array, number]>(
  'long syscall(long number, int dirfd, const char *path, void *how, size_t size)',
)
const how = Buffer.alloc(24)

/**
 * Opens `path` beneath `dirfd`: a descriptor ≥ 0, or minus the errno. O_CLOEXEC is always set.
 * `resolve` is of RESOLVE. EAGAIN means that a rename raced with the resolution: it is tried again up to
 * 64 times here, and what is left of it reaches the caller.
 */
export function openat2(dirfd: number, path: CPath, flags: number, resolve = 0, mode = 0): number {
  how.writeUInt32LE((flags | O.CLOEXEC) >>> 0, 0)
  how.writeUInt32LE(mode, 8)
  how.writeUInt32LE(resolve, 16)
  for (let attempt = 0; ; attempt++) {
    const fd = syscallOpen(SYS_openat2, dirfd, path, how, how.length)
    if (fd !== -errno.EAGAIN || attempt === 64 || (resolve & RESOLVE.CACHED) !== 0) return fd
  }
}

/** The directory of this process's descriptors; opened at first use, and for good. */
let descriptors = -1

/** Opens what the O_PATH descriptor `fd` holds, for reading: a descriptor ≥ 0, or minus the errno. */
export function reopen(fd: number, flags: number): number {
  if (descriptors < 0) descriptors = openat2(AT_FDCWD, '/proc/self/fd', O.PATH | O.DIRECTORY)
  return openat2(descriptors, String(fd), flags)
}

export const close = declare<[fd: number]>('int close(int fd)')
export const dup = declare<[fd: number]>('int dup(int fd)')
export const mkdirat = declare<[dirfd: number, name: CPath, mode: number]>(
  'int mkdirat(int dirfd, const char *name, uint mode)',
)
export const mknodat = declare<[dirfd: number, name: CPath, mode: number, rdev: number | bigint]>(
  'int mknodat(int dirfd, const char *name, uint mode, uint64_t rdev)',
)
/** `flags`: 0 for a file, AT_REMOVEDIR for a directory. */
export const unlinkat = declare<[dirfd: number, name: CPath, flags: number]>(
  'int unlinkat(int dirfd, const char *name, int flags)',
)
export const symlinkat = declare<[target: CPath, dirfd: number, name: CPath]>(
  'int symlinkat(const char *target, int dirfd, const char *name)',
)
export const linkat = declare<
  [fromDir: number, fromName: CPath, toDir: number, toName: CPath, flags: number]
>('int linkat(int fromdir, const char *from, int todir, const char *to, int flags)')
/** renameat2's flags (linux/fs.h). */
export const RENAME = { NOREPLACE: 1, EXCHANGE: 2, WHITEOUT: 4 } as const
export const renameat2 = declare<
  [fromDir: number, fromName: CPath, toDir: number, toName: CPath, flags: number]
>('int renameat2(int fromdir, const char *from, int todir, const char *to, uint flags)')
const readlink = declare<[number, CPath, Uint8Array, number]>(
  'long readlinkat(int dirfd, const char *name, void *buffer, size_t size)',
)
const target = Buffer.alloc(4096)
/** A link's target as bytes, or minus the errno. An empty name reads the link that `dirfd` is (O_PATH). */
export function readlinkat(dirfd: number, name: CPath): Buffer | number {
  const length = readlink(dirfd, name, target, target.length)
  return length < 0 ? length : Buffer.from(target.subarray(0, length))
}
