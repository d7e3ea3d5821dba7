/** preadv2(2), which alone of the reads can be told not to wait for a device. */
import { addressOf, declare } from './libc.ts'

/** linux/fs.h: give what the page cache has, or EAGAIN. */
const RWF_NOWAIT = 8

const preadv2 = declare<[number, Uint8Array, number, number, number]>(
  'long preadv2(int fd, void *iov, int count, int64_t offset, int flags)',
)

/** Memory to read into, with the struct iovec that names it to the kernel. */
export interface IoBuffer {
  readonly bytes: Buffer
  readonly iovec: Buffer
}

export function ioBuffer(size: number): IoBuffer {
  const bytes = Buffer.allocUnsafeSlow(size)
  const iovec = Buffer.alloc(16)
  iovec.writeBigUInt64LE(addressOf(bytes), 0)
  return { bytes, iovec }
}

/**
 * What the page cache has of the file at `offset`, at most `length` bytes (not more than the buffer's): their
 * number, 0 at the end, or minus the errno. EAGAIN says that a device would have to be waited for, EOPNOTSUPP
 * that the file system can't tell.
 */
export function readCached(fd: number, into: IoBuffer, length: number, offset: number): number {
  into.iovec.writeUInt32LE(length, 8)
  return preadv2(fd, into.iovec, 1, offset, RWF_NOWAIT)
}
