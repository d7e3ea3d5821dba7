/** What a file system says of itself and of a file's identity: statfs(2) and name_to_handle_at(2). */
import { declare, type CPath } from './libc.ts'
import { AT_EMPTY_PATH } from './open.ts'

/** Sizes are in bytes, exact up to 2^53. */
export interface FileSystem {
  /** One of `FS`, or another of linux/magic.h. */
  readonly type: number
  /** f_fsid, 16 hex digits; zeros where the file system has none. */
  readonly id: string
  readonly blockSize: number
  /** In blocks. */
  readonly blocks: number
  readonly free: number
  readonly available: number
  readonly files: number
  readonly filesFree: number
  readonly maxName: number
}

/** linux/magic.h and the file systems' own sources. */
export const FS = {
  EXT4: 0xef53,
  TMPFS: 0x01021994,
  XFS: 0x58465342,
  BTRFS: 0x9123683e,
  F2FS: 0xf2f52010,
  OVERLAY: 0x794c7630,
  FUSE: 0x65735546,
  NFS: 0x6969,
  CEPH: 0x00c36400,
  V9FS: 0x01021997,
  AFS: 0x5346414f,
  CIFS: 0xff534d42,
  SMB2: 0xfe534d42,
  MSDOS: 0x4d44,
  EXFAT: 0x2011bab0,
  NTFS: 0x5346544e,
  NTFS3: 0x7366746e,
  HFSPLUS: 0x482b,
} as const

// struct statfs of 64-bit architectures (asm-generic/statfs.h).
const call = declare<[number, Uint8Array]>('int fstatfs(int fd, void *buffer)')
const buffer = Buffer.alloc(120)
const u64 = (at: number) => buffer.readUInt32LE(at + 4) * 2 ** 32 + buffer.readUInt32LE(at)

/** The file system that `fd` lies on, O_PATH descriptors included, or minus the errno. */
export function fstatfs(fd: number): FileSystem | number {
  const result = call(fd, buffer)
  if (result < 0) return result
  return {
    type: buffer.readUInt32LE(0),
    blockSize: u64(8),
    blocks: u64(16),
    free: u64(24),
    available: u64(32),
    files: u64(40),
    filesFree: u64(48),
    id: buffer.toString('hex', 56, 64),
    maxName: u64(64),
  }
}

const toHandle = declare<[number, CPath, Uint8Array, Uint8Array, number]>(
  'int name_to_handle_at(int dirfd, const char *path, void *handle, void *mount, int flags)',
)
const MAX_HANDLE_SZ = 128
const handle = Buffer.alloc(8 + MAX_HANDLE_SZ)
const mount = Buffer.alloc(4)

/** The handle of the file behind `fd`, type and bytes in hex, or minus the errno (EOPNOTSUPP: it has none). */
export function fileHandle(fd: number): string | number {
  handle.writeUInt32LE(MAX_HANDLE_SZ, 0)
  const result = toHandle(fd, '', handle, mount, AT_EMPTY_PATH)
  return result < 0 ? result : handle.toString('hex', 4, 8 + handle.readUInt32LE(0))
}

const ioctl = declare<[number, bigint, Uint8Array]>('int ioctl(int fd, ulong request, void *argument)')
/** linux/fs.h: _IOR('f', 1, long). */
const FS_IOC_GETFLAGS = 0x80086601n
const FS_CASEFOLD_FL = 0x40000000
const flags = Buffer.alloc(8)

/** Whether the directory behind `fd` (not an O_PATH descriptor) folds case by its own flag, as ext4's do. */
export function foldsCase(fd: number): boolean {
  return ioctl(fd, FS_IOC_GETFLAGS, flags) === 0 && (flags.readUInt32LE(0) & FS_CASEFOLD_FL) !== 0
}
