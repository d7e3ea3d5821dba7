/**
 * Reads of an open file's bytes: at once what the page cache has, and in libuv's pool what a device must be
 * waited for, so that a cold file never stops the loop.
 */
import { read } from 'node:fs'
import { errno, errnoOf } from '../sys/errno.ts'
import { readCached, type IoBuffer } from '../sys/read.ts'
import { isCached, sendfile } from '../sys/sendfile.ts'

export { ioBuffer, type IoBuffer } from '../sys/read.ts'

/**
 * Bytes read from `position` without waiting, to `at` in the buffer: 0 at the file's end, minus the errno,
 * 'wait' if it takes a wait.
 */
export function readNow(
  fd: number,
  into: IoBuffer,
  length: number,
  position: number,
  at = 0,
): number | 'wait' {
  const count = readCached(fd, into, length, position, at)
  return count === -errno.EAGAIN || count === -errno.EOPNOTSUPP ? 'wait' : count
}

/** Bytes read from `position`, 0 at the file's end, or minus the errno. */
export function readLater(fd: number, into: IoBuffer, length: number, position: number): Promise<number> {
  return new Promise((settle) => {
    read(fd, into.bytes, 0, length, position, (error, count) =>
      settle(error === null ? count : -errnoOf(error)),
    )
  })
}

/**
 * Bytes moved from a file straight to a socket, without waiting for either: 0 at the file's end, minus the
 * errno, 'wait' where the page cache hasn't got them or the socket is full.
 */
export function moveNow(fd: number, socket: number, length: number, position: number): number | 'wait' {
  if (!isCached(fd, position, length)) return 'wait'
  const count = sendfile(socket, fd, position, length)
  return count === -errno.EAGAIN ? 'wait' : count
}
