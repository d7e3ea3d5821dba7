/** statfs(2): what a file system has and who it is. */
import { declare, type CPath } from './libc.ts'

/** Blocks are of `frsize` bytes. Numbers are exact up to 2^53. */
export interface StatFs {
  /** f_type: one of `FS` of filesystem.ts, or another of linux/magic.h. */
  type: number
  bsize: number
  frsize: number
  blocks: number
  bfree: number
  bavail: number
  files: number
  ffree: number
  /** f_fsid, 16 hex digits; zeros where the file system has none. */
  fsid: string
  namelen: number
  /** ST_* of statvfs(3). */
  flags: number
}

export const emptyStatFs = (): StatFs => ({
  type: 0,
  bsize: 0,
  frsize: 0,
  blocks: 0,
  bfree: 0,
  bavail: 0,
  files: 0,
  ffree: 0,
  fsid: '',
  namelen: 0,
  flags: 0,
})

const callFd = declare<[fd: number, buffer: Uint8Array]>('int fstatfs(int fd, void *buffer)')
const callPath = declare<[path: CPath, buffer: Uint8Array]>('int statfs(const char *path, void *buffer)')
const buffer = Buffer.alloc(120)
const u64 = (at: number) => Number(buffer.readBigUInt64LE(at))

/** Fills `statfs` from a descriptor (O_PATH ones too) or a path: 0, or minus the errno. */
export function statFs(of: number | CPath, statfs: StatFs): number {
  const result = typeof of === 'number' ? callFd(of, buffer) : callPath(of, buffer)
  if (result < 0) return result
  // struct statfs of every 64-bit Linux: twelve longs, fsid two ints.
  statfs.type = buffer.readUInt32LE(0)
  statfs.bsize = u64(8)
  statfs.blocks = u64(16)
  statfs.bfree = u64(24)
  statfs.bavail = u64(32)
  statfs.files = u64(40)
  statfs.ffree = u64(48)
  statfs.fsid = buffer.toString('hex', 56, 64)
  statfs.namelen = u64(64)
  statfs.frsize = u64(72)
  statfs.flags = u64(80)
  return 0
}

/** As `statFs`, for those who ask now and then. */
export function fstatfs(fd: number): StatFs | number {
  const statfs = emptyStatFs()
  const result = statFs(fd, statfs)
  return result < 0 ? result : statfs
}
