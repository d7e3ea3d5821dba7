/** Operations on the bytes of open files. */
import { errno } from '../../../lib/sys/errno.ts'
import { SEEK } from '../../../lib/sys/file.ts'
import { HEADER_OUT } from '../codec.ts'
import type { Exchange } from '../exchange.ts'
import { FSYNC_FDATASYNC, WRITE } from '../flags.ts'
import {
  COPY_FILE_RANGE,
  COPY_FILE_RANGE_64,
  FALLOCATE,
  FSYNC,
  FSYNCDIR,
  handle,
  SYNCFS,
  type Handler,
} from '../opcode.ts'
import * as layout from '../structs.ts'
import { killPrivileges } from './attributes.ts'

export function read(x: Exchange): number {
  const a = x.request.take(layout.readIn)
  const { reply, filesystem } = x
  const length = filesystem.read(
    handle(a.fh),
    a.offset,
    reply.bytes,
    HEADER_OUT,
    Math.min(a.size, reply.capacity),
  )
  if (length > 0) x.bytesRead += length
  return length
}

export function write(x: Exchange): number {
  const { request, filesystem } = x
  const a = request.take(layout.writeIn)
  const start = request.data(a.size)
  if ((a.write_flags & WRITE.KILL_SUIDGID) !== 0) killPrivileges(x)
  const written = filesystem.write(handle(a.fh), a.offset, request.bytes, start, a.size)
  if (written < 0) return written
  x.bytesWritten += written
  return x.reply.put(layout.writeOut, { size: written })
}

/** FSYNC and FSYNCDIR. */
function sync(operation: number): Handler {
  return (x) => {
    const a = x.request.take(layout.fsyncIn)
    const dataOnly = (a.fsync_flags & FSYNC_FDATASYNC) !== 0
    const job = { operation, fd: x.filesystem.descriptor(handle(a.fh)), mode: dataOnly ? 1 : 0 }
    return x.slowly(job, () => x.filesystem.fsync(handle(a.fh), dataOnly))
  }
}

export const fsync = sync(FSYNC)
export const fsyncdir = sync(FSYNCDIR)

export const syncfs = (x: Exchange): number =>
  x.slowly({ operation: SYNCFS, fd: 0 }, () => x.filesystem.syncfs(x.request.node))

export function fallocate(x: Exchange): number {
  const a = x.request.take(layout.fallocateIn)
  const { filesystem } = x
  const here = () => filesystem.fallocate(handle(a.fh), a.mode, a.offset, a.length)
  if (filesystem.readOnly) return here()
  const { mode, offset, length } = a
  return x.slowly(
    { operation: FALLOCATE, fd: filesystem.descriptor(handle(a.fh)), mode, offset, length },
    here,
  )
}

export function lseek(x: Exchange): number {
  const a = x.request.take(layout.lseekIn)
  if (a.whence !== SEEK.DATA && a.whence !== SEEK.HOLE) return -errno.EINVAL
  // A directory's offset may be a bigint.
  const offset = Number(x.filesystem.lseek(handle(a.fh), a.offset, a.whence))
  return offset < 0 ? offset : x.reply.put(layout.lseekOut, { offset })
}

/** Copies of size_t that a reply can't count past. */
const MAX_COPY = 0x7ffff000

function copying(operation: number, answer: (x: Exchange, copied: number) => number): Handler {
  return (x: Exchange): number => {
    const a = x.request.take(layout.copyFileRangeIn)
    const { filesystem } = x
    const [from, to] = [handle(a.fh_in), handle(a.fh_out)]
    const length = Math.min(a.len, MAX_COPY)
    const flags = Number(a.flags)
    const here = () => {
      const copied = filesystem.copyFileRange(from, a.off_in, to, a.off_out, length, flags)
      return copied < 0 ? copied : answer(x, copied)
    }
    const target = filesystem.descriptor(to)
    if (filesystem.readOnly || target < 0) return here()
    const fd = filesystem.descriptor(from)
    const job = { operation, fd, to: target, offset: a.off_in, toOffset: a.off_out, length, mode: flags }
    return x.slowly(job, here)
  }
}

export const copyFileRange = copying(COPY_FILE_RANGE, (x, copied) =>
  x.reply.put(layout.writeOut, { size: copied }),
)
/** COPY_FILE_RANGE_64 */
export const copyFileRange64 = copying(COPY_FILE_RANGE_64, (x, copied) =>
  x.reply.put(layout.copyFileRangeOut, { bytes_copied: copied }),
)
