/** What is done with an open file's bytes. Offsets and lengths are exact up to 2^53. */
import { declare, type CPath } from './libc.ts'

/** The bytes read, fewer than asked for only at the end of the file (or of a FIFO's patience). */
export const pread = declare<[fd: number, buffer: Uint8Array, length: number, offset: number]>(
  'long pread(int fd, void *buffer, size_t length, int64_t offset)',
)
export const pwrite = declare<[fd: number, buffer: Uint8Array, length: number, offset: number]>(
  'long pwrite(int fd, const void *buffer, size_t length, int64_t offset)',
)
export const ftruncate = declare<[fd: number, size: number]>('int ftruncate(int fd, int64_t size)')
export const truncate = declare<[path: CPath, size: number]>('int truncate(const char *path, int64_t size)')
export const fsync = declare<[fd: number]>('int fsync(int fd)')
export const fdatasync = declare<[fd: number]>('int fdatasync(int fd)')
export const syncfs = declare<[fd: number]>('int syncfs(int fd)')
/** `mode`: of FALLOC. */
export const fallocate = declare<[fd: number, mode: number, offset: number, length: number]>(
  'int fallocate(int fd, int mode, int64_t offset, int64_t length)',
)
/** linux/falloc.h */
export const FALLOC = {
  KEEP_SIZE: 0x01,
  PUNCH_HOLE: 0x02,
  COLLAPSE_RANGE: 0x08,
  ZERO_RANGE: 0x10,
  INSERT_RANGE: 0x20,
  UNSHARE_RANGE: 0x40,
} as const

/** unistd.h */
export const SEEK = { SET: 0, CUR: 1, END: 2, DATA: 3, HOLE: 4 } as const
/** Directories have offsets of their own, up to 2^63: hence bigint too. The answer of one such may be inexact. */
export const lseek = declare<[fd: number, offset: number | bigint, whence: number]>(
  'int64_t lseek(int fd, int64_t offset, int whence)',
)

const copy = declare<[number, Uint8Array, number, Uint8Array, number, number]>(
  'long copy_file_range(int from, void *fromOffset, int to, void *toOffset, size_t length, uint flags)',
)
const [fromAt, toAt] = [Buffer.alloc(8), Buffer.alloc(8)]
/** copy_file_range(2): the bytes copied. Descriptors' own offsets stay. `flags` must be 0. */
export function copyFileRange(
  from: number,
  fromOffset: number,
  to: number,
  toOffset: number,
  length: number,
  flags: number,
): number {
  fromAt.writeBigInt64LE(BigInt(fromOffset))
  toAt.writeBigInt64LE(BigInt(toOffset))
  return copy(from, fromAt, to, toAt, length, flags)
}
