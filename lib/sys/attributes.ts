/** chmod, chown and utimens by descriptor, O_PATH ones included. */
import { errno } from './errno.ts'
import { declare, type CPath } from './libc.ts'
import { AT_EMPTY_PATH, AT_FDCWD } from './open.ts'

/** The path by which a descriptor's file is reached whatever its name is now, without following a link that it is. */
export const descriptorPath = (fd: number): string => `/proc/self/fd/${fd}`

/** Not for O_PATH descriptors. */
export const fchmod = declare<[fd: number, mode: number]>('int fchmod(int fd, uint mode)')
const fchmodat = declare<[dirfd: number, path: CPath, mode: number, flags: number]>(
  'int fchmodat(int dirfd, const char *path, uint mode, int flags)',
)
const syscallChmod = declare<[number, number, CPath, number, number]>(
  'long syscall(long number, int dirfd, const char *path, uint mode, uint flags)',
)
const SYS_fchmodat2 = 452
/** fchmodat2 is there: from Linux 6.6 on. */
let chmodsByDescriptor = true
/** For any descriptor; -EOPNOTSUPP for a symbolic link. */
export function chmodFd(fd: number, mode: number): number {
  if (chmodsByDescriptor) {
    const result = syscallChmod(SYS_fchmodat2, fd, '', mode, AT_EMPTY_PATH)
    if (result !== -errno.ENOSYS) return result
    chmodsByDescriptor = false
  }
  return fchmodat(AT_FDCWD, descriptorPath(fd), mode, 0)
}

const fchownat = declare<[dirfd: number, path: CPath, uid: number, gid: number, flags: number]>(
  'int fchownat(int dirfd, const char *path, uint uid, uint gid, int flags)',
)
/** 0xffffffff leaves an id as it is. */
export const KEEP_ID = 0xffffffff
export const chownFd = (fd: number, uid: number, gid: number): number =>
  fchownat(fd, '', uid, gid, AT_EMPTY_PATH)

/** Instead of nanoseconds (linux/stat.h). */
export const UTIME_NOW = 0x3fffffff
export const UTIME_OMIT = 0x3ffffffe

const utimensat = declare<[dirfd: number, path: CPath, times: Uint8Array, flags: number]>(
  'int utimensat(int dirfd, const char *path, void *times, int flags)',
)
const times = new DataView(new ArrayBuffer(32))
const timeBytes = new Uint8Array(times.buffer)
function putTime(at: number, seconds: number, nanoseconds: number): void {
  const high = Math.floor(seconds / 2 ** 32)
  times.setUint32(at, seconds - high * 2 ** 32, true)
  times.setInt32(at + 4, high, true)
  times.setUint32(at + 8, nanoseconds, true)
}
/** Seconds since the epoch and nanoseconds; UTIME_NOW and UTIME_OMIT may stand for the latter. */
export function utimesFd(fd: number, atime: number, atimeNs: number, mtime: number, mtimeNs: number): number {
  putTime(0, atime, atimeNs)
  putTime(16, mtime, mtimeNs)
  return utimensat(fd, '', timeBytes, AT_EMPTY_PATH)
}

/** unistd.h: R_OK 4, W_OK 2, X_OK 1. */
const faccessat = declare<[number, number, CPath, number, number]>(
  'long syscall(long number, int dirfd, const char *path, int mode, int flags)',
)
const SYS_faccessat2 = 439
const AT_EACCESS = 0x200
/** Whether this process may do `mode` to the descriptor's file: 0, or minus the errno. */
export const accessFd = (fd: number, mode: number): number =>
  faccessat(SYS_faccessat2, fd, '', mode, AT_EMPTY_PATH | AT_EACCESS)
