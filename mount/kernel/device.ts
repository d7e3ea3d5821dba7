/** /dev/fuse: one read is one request, one write one reply or notification. */
import { errno } from '../../lib/sys/errno.ts'
import { IOR, IOW, ioctl } from '../../lib/sys/ioctl.ts'
import { close, O, openat2, AT_FDCWD } from '../../lib/sys/open.ts'
import { read, write } from '../../lib/sys/stream.ts'
import { backingMap } from './protocol/structs.ts'

/** linux/fuse.h */
const MAGIC = 229
const FUSE_DEV_IOC_CLONE = IOR(MAGIC, 0, 4)
const FUSE_DEV_IOC_BACKING_OPEN = IOW(MAGIC, 1, backingMap.size)
const FUSE_DEV_IOC_BACKING_CLOSE = IOW(MAGIC, 2, 4)

/** A descriptor, or minus the errno. It means nothing until mount(2) was given it. */
export const openDevice = (): number => openat2(AT_FDCWD, '/dev/fuse', O.RDWR)

/**
 * Another descriptor on `device`'s connection, or minus the errno. Reading it doesn't wait (EAGAIN), and what was
 * read through it is answered through it.
 */
export function cloneDevice(device: number): number {
  const clone = openat2(AT_FDCWD, '/dev/fuse', O.RDWR | O.NONBLOCK)
  if (clone < 0) return clone
  const argument = Buffer.alloc(4)
  argument.writeInt32LE(device)
  const result = ioctl(clone, FUSE_DEV_IOC_CLONE, argument)
  if (result >= 0) return clone
  close(clone)
  return result
}

/**
 * Waits for the next request: its length, or minus the errno. ENODEV: unmounted. ECONNABORTED: aborted.
 * What only concerns one request (it was interrupted before we got it) is tried again here.
 */
export function readRequest(device: number, buffer: Uint8Array): number {
  for (;;) {
    const length = read(device, buffer, buffer.length)
    if (length !== -errno.ENOENT && length !== -errno.EINTR && length !== -errno.EAGAIN) return length
  }
}

/** 0, or minus the errno. ENOENT: the request was interrupted, nobody waits for the reply any more. */
export function writeReply(device: number, buffer: Uint8Array, length: number): number {
  const written = write(device, buffer, length)
  return written < 0 ? written : 0
}

const map = Buffer.alloc(backingMap.size)
const mapView = new DataView(map.buffer, map.byteOffset, map.length)
/** Registers a file for passthrough: its backing id (from 1), or minus the errno. Wants CAP_SYS_ADMIN. */
export function openBacking(device: number, fd: number): number {
  backingMap.write(mapView, 0, { fd, flags: 0 })
  return ioctl(device, FUSE_DEV_IOC_BACKING_OPEN, map)
}

export function closeBacking(device: number, id: number): number {
  mapView.setUint32(0, id, true)
  return ioctl(device, FUSE_DEV_IOC_BACKING_CLOSE, map)
}
