/**
 * Writing that never waits, whatever the descriptor is: a pipe that nobody reads keeps a plain write(2) in the
 * kernel for ever. The descriptor's own flags stay, since it is shared with whoever started us.
 */
import { fstatSync, writeSync } from 'node:fs'
import { errno, errnoOf } from './errno.ts'
import { addressOf, declare } from './libc.ts'
import { POLL, readyFor } from './poll.ts'
import { MSG, send } from './socket.ts'

const pwritev2 = declare<[number, Uint8Array, number, number, number]>(
  'long pwritev2(int fd, const void *iov, int count, int64_t offset, int flags)',
)
/** linux/fs.h; pipes know it since Linux 6.4. */
const RWF_NOWAIT = 8
/** What a pipe that poll(2) calls writable takes without a wait, if nobody else writes meanwhile (pipe(7)). */
const PIPE_BUF = 4096

const plainly: Write = (fd, bytes) => {
  try {
    return writeSync(fd, bytes)
  } catch (thrown) {
    return -errnoOf(thrown)
  }
}

/** Where the kernel can't be told not to wait, it is asked first. */
const ifWritable: Write = (fd, bytes) =>
  (readyFor(fd, POLL.OUT) & POLL.OUT) !== 0 ? plainly(fd, bytes.subarray(0, PIPE_BUF)) : -errno.EAGAIN

const iovec = new BigUint64Array(2)
const iovecBytes = new Uint8Array(iovec.buffer)
const intoPipe: Write = (fd, bytes) => {
  iovec[0] = addressOf(bytes)
  iovec[1] = BigInt(bytes.length)
  const written = pwritev2(fd, iovecBytes, 1, -1, RWF_NOWAIT)
  return written === -errno.EOPNOTSUPP ? ifWritable(fd, bytes) : written
}

const intoSocket: Write = (fd, bytes) => send(fd, bytes, bytes.length, MSG.DONTWAIT | MSG.NOSIGNAL)

type Write = (fd: number, bytes: Uint8Array) => number

/** How to write to `fd`, which is found out once: bytes taken, or minus the errno, EAGAIN where it takes none now. */
export function writerTo(fd: number): (bytes: Uint8Array) => number {
  const write = wayTo(fd)
  return (bytes) => write(fd, bytes)
}

function wayTo(fd: number): Write {
  try {
    const stat = fstatSync(fd)
    if (stat.isFIFO()) return intoPipe
    if (stat.isSocket()) return intoSocket
    return stat.isFile() ? plainly : ifWritable
  } catch {
    return plainly
  }
}
