/** Operations on the bytes of open files. */
import { errno } from '../../../lib/sys/errno.ts'
import { lseek as seek, SEEK } from '../../../lib/sys/file.ts'
import { O } from '../../../lib/sys/open.ts'
import { readCached } from '../../../lib/sys/read.ts'
import type { Exchange } from '../exchange.ts'
import type { Handler } from '../operations.ts'
import { handle, node } from '../protocol/codec.ts'
import { FSYNC, WRITE } from '../protocol/flags.ts'
import { OPCODE } from '../protocol/opcode-numbers.ts'
import * as layout from '../protocol/structs.ts'
import { call, IN_PLACE } from '../waiting-calls.ts'
import { killPrivileges } from './attributes.ts'

/** What the page cache has is answered at once; for the rest somebody must wait. */
export function read(x: Exchange): number {
  const a = x.request.take(layout.readIn)
  const fd = x.filesystem.descriptor(handle(a.fh))
  if (fd < 0) return fd
  const length = Math.min(a.size, x.reply.capacity)
  const cached = readCached(fd, x.data, length, a.offset)
  // Fewer bytes than asked for are the answer at the file's end only: the kernel takes them for it.
  if (cached === length || (cached >= 0 && seek(fd, 0, SEEK.END) <= a.offset + cached)) {
    x.bytesRead += cached
    return cached
  }
  if (cached < 0 && cached !== -errno.EAGAIN && cached !== -errno.EOPNOTSUPP) return cached
  const job = x.job.begin(OPCODE.READ, fd, a.offset, length)
  // A file system that can't tell whether it will wait (tmpfs, overlayfs) is asked as long as it is fast.
  return cached === -errno.EOPNOTSUPP && x.lanes?.isSlow(OPCODE.READ) !== true ? call(job, x) : x.slowly()
}

export function write(x: Exchange): number {
  const { request, filesystem, job, lanes } = x
  const a = request.take(layout.writeIn)
  if (filesystem.readOnly) return -errno.EROFS
  const fd = filesystem.descriptor(handle(a.fh))
  if (fd < 0) return fd
  // Pages of a mapping come from nobody: they are taken for those of whoever opened the file without being root.
  const mapped = (a.write_flags & WRITE.CACHE) !== 0
  job.begin(OPCODE.WRITE, fd, a.offset, a.size)
  job.spentBy(mapped ? filesystem.writer(handle(a.fh)) : request.caller)
  job.start = request.data(a.size)
  // Pages of a mapping, written by whichever descriptor the kernel found, belong where they are.
  if ((a.flags & O.APPEND) === 0 && filesystem.appends(handle(a.fh))) job.mode = IN_PLACE
  if ((a.write_flags & WRITE.KILL_SUIDGID) !== 0) killPrivileges(x)
  // While the host takes writes at once, to make the call here costs less than to leave it to a lane.
  return lanes?.isSlow(OPCODE.WRITE) === true ? x.slowly() : call(job, x)
}

/** FSYNC and FSYNCDIR. */
function sync(opcode: number): Handler {
  return (x) => {
    const a = x.request.take(layout.fsyncIn)
    const fd = x.filesystem.descriptor(handle(a.fh))
    if (fd < 0) return fd
    x.job.begin(opcode, fd, 0, 0, a.fsync_flags & FSYNC.FDATASYNC)
    return x.slowly()
  }
}

export const fsync = sync(OPCODE.FSYNC)
export const fsyncdir = sync(OPCODE.FSYNCDIR)

export function syncfs(x: Exchange): number {
  const fd = x.filesystem.openRoot()
  if (fd < 0) return fd
  x.job.begin(OPCODE.SYNCFS, fd)
  return x.slowly()
}

export function fallocate(x: Exchange): number {
  const a = x.request.take(layout.fallocateIn)
  if (x.filesystem.readOnly) return -errno.EROFS
  const fd = x.filesystem.descriptor(handle(a.fh))
  if (fd < 0) return fd
  // Who isn't root takes set-ID bits away by this, of which the kernel, unlike with a write, says nothing.
  if (x.request.caller.uid !== 0) killPrivileges(x)
  x.job.begin(OPCODE.FALLOCATE, fd, a.offset, a.length, a.mode).spentBy(x.request.caller)
  return x.slowly()
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

function copying(opcode: number): Handler {
  return (x) => {
    const a = x.request.take(layout.copyFileRangeIn)
    const { filesystem, job } = x
    if (filesystem.readOnly) return -errno.EROFS
    const from = filesystem.descriptor(handle(a.fh_in))
    if (from < 0) return from
    if (x.request.caller.uid !== 0) killPrivileges(x, node(a.nodeid_out))
    job.begin(opcode, from, a.off_in, Math.min(a.len, MAX_COPY), Number(a.flags))
    job.spentBy(x.request.caller)
    job.to = filesystem.descriptor(handle(a.fh_out))
    job.toOffset = a.off_out
    return job.to < 0 ? job.to : x.slowly()
  }
}

export const copyFileRange = copying(OPCODE.COPY_FILE_RANGE)
export const copyFileRange64 = copying(OPCODE.COPY_FILE_RANGE_64)
