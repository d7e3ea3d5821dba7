/** getdents64(2): a directory's entries in large pieces, neither sorted nor turned into strings. */
import { declare } from './libc.ts'

const SYS_getdents64 = process.arch === 'arm64' ? 61 : 217
const syscallDirectory = declare<[number, number, Uint8Array, number]>(
  'long syscall(long number, int fd, void *buffer, size_t size)',
)
/**
 * Reads the next entries of an open directory into `buffer`: the bytes filled, 0 at the end, or minus the
 * errno. Layout of an entry (linux/dirent.h): u64 ino, s64 offset, u16 length of the entry, u8 type (DT),
 * then the name and a NUL.
 */
export const getdents64 = (fd: number, buffer: Uint8Array): number =>
  syscallDirectory(SYS_getdents64, fd, buffer, buffer.length)

/** d_type (dirent.h). */
export const DT = { UNKNOWN: 0, FIFO: 1, CHR: 2, DIR: 4, BLK: 6, REG: 8, LNK: 10, SOCK: 12 } as const

const lseek = declare<[number, number, number]>('long lseek(int fd, long offset, int whence)')
/** Back to a directory's first entry: 0, or minus the errno. */
export const rewind = (fd: number): number => lseek(fd, 0, 0)
