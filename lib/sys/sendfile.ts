/** sendfile(2): from a file to a socket inside the kernel, and cachestat(2), which says whether that would wait. */
import { declare } from './libc.ts'

const call = declare<[number, number, Uint8Array, number]>(
  'long sendfile(int out, int in, void *offset, size_t count)',
)
const position = Buffer.alloc(8)

/**
 * Moves at most `count` bytes of `file`, from `offset` on, into the non-blocking `socket`: their number, 0 at
 * the file's end, or minus the errno. EAGAIN when the socket is full. Bytes that aren't in the page cache are
 * waited for.
 */
export function sendfile(socket: number, file: number, offset: number, count: number): number {
  position.writeBigInt64LE(BigInt(offset), 0)
  return call(socket, file, position, count)
}

/** One number on every architecture; Linux 6.5. */
const SYS_cachestat = 451
const cachestat = declare<[number, number, Uint8Array, Uint8Array, number]>(
  'long syscall(long number, int fd, void *range, void *result, uint flags)',
)
const range = Buffer.alloc(16)
const result = Buffer.alloc(40)
const page = 4096

/**
 * Whether the page cache has pages for all of these bytes, be it that they are only being read into it. undefined where
 * the kernel doesn't tell: it does to whoever owns the file or may write it.
 */
export function hasPages(fd: number, offset: number, length: number): boolean | undefined {
  range.writeBigUInt64LE(BigInt(offset), 0)
  range.writeBigUInt64LE(BigInt(length), 8)
  if (cachestat(SYS_cachestat, fd, range, result, 0) < 0) return undefined
  const pages = Math.floor((offset + length - 1) / page) - Math.floor(offset / page) + 1
  return result.readUInt32LE(0) >= pages
}
