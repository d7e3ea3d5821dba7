/**
 * Reads of an open file's bytes: at once what the page cache has, and in libuv's pool what a device must be
 * waited for, so that a cold file never stops the loop.
 */
import { read } from 'node:fs'
import { errno, errnoOf } from '../sys/errno.ts'
import { ioBuffer, readCached, type IoBuffer } from '../sys/read.ts'
import { hasPages, sendfile } from '../sys/sendfile.ts'
import { statFd } from '../sys/stat.ts'

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

/** Reads of one device that may be waited for at one time: libuv's pool has eight threads in a worker, and others need some. */
const mostOfDevice = 2

interface Device {
  reading: number
  readonly waiting: (() => void)[]
}
const devices = new Map<bigint, Device>()

/** Bytes read from `position`, 0 at the file's end, or minus the errno. */
export async function readLater(
  fd: number,
  into: IoBuffer,
  length: number,
  position: number,
): Promise<number> {
  const stat = statFd(fd)
  if (typeof stat === 'number') return stat
  let device = devices.get(stat.dev)
  if (device === undefined) devices.set(stat.dev, (device = { reading: 0, waiting: [] }))
  const { waiting } = device
  if (device.reading >= mostOfDevice) await new Promise<void>((resolve) => waiting.push(resolve))
  else device.reading++
  const count = await new Promise<number>((settle) => {
    read(fd, into.bytes, 0, length, position, (error, count) =>
      settle(error === null ? count : -errnoOf(error)),
    )
  })
  // Whoever is next has this one's place.
  const next = waiting.shift()
  if (next !== undefined) next()
  else if (--device.reading === 0) devices.delete(stat.dev)
  return count
}

/**
 * Bytes moved from a file straight to a socket, without waiting for either: 0 at the file's end, minus the
 * errno, 'wait' where the page cache hasn't got them or the socket is full.
 */
export function moveNow(fd: number, socket: number, length: number, position: number): number | 'wait' {
  if (!isAtHand(fd, position, length)) return 'wait'
  const count = sendfile(socket, fd, position, length)
  return count === -errno.EAGAIN ? 'wait' : count
}

/** Bytes between two looks: pages come into the cache by many at a time. */
const lookEvery = 64 * 1024
const glance = ioBuffer(8)

/** Whether the page cache has these bytes to give: a page that others are still reading is there, and would be waited for. */
function isAtHand(fd: number, position: number, length: number): boolean {
  if (hasPages(fd, position, length) === false) return false
  const last = position + length - 1
  for (let at = position; at < last; at += lookEvery) if (readCached(fd, glance, 1, at) !== 1) return false
  return readCached(fd, glance, 1, last) === 1
}
