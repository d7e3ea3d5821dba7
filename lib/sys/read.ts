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
  readonly address: bigint
  readonly iovec: Uint8Array
  /** Of `iovec`: where to read to, and how much. */
  readonly fields: BigUint64Array
}

export const ioBuffer = (size: number): IoBuffer => ioBufferOver(Buffer.allocUnsafeSlow(size))

/** Over memory that is there already, and stays where it is. */
export function ioBufferOver(bytes: Buffer): IoBuffer {
  const address = addressOf(bytes)
  const fields = BigUint64Array.of(address, 0n)
  return { bytes, address, fields, iovec: new Uint8Array(fields.buffer) }
}

/**
 * What the page cache has of the file at `offset`, at most `length` bytes: their number, 0 at the end, or minus
 * the errno. They are put at `at`, behind which the buffer must have room for them. EAGAIN says that a device
 * would have to be waited for, EOPNOTSUPP that the file system can't tell.
 */
export function readCached(fd: number, into: IoBuffer, length: number, offset: number, at = 0): number {
  into.fields[0] = into.address + BigInt(at)
  into.fields[1] = BigInt(length)
  return preadv2(fd, into.iovec, 1, offset, RWF_NOWAIT)
}
