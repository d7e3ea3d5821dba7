/** Operations that open and close files. */
import { errno } from '../../../lib/sys/errno.ts'
import type { Exchange } from '../exchange.ts'
import { handle, HEADER_OUT, putEntry } from '../protocol/codec.ts'
import { OPEN, RELEASE } from '../protocol/flags.ts'
import { createIn, flushIn, openIn, openOut, releaseIn } from '../protocol/structs.ts'
import { killPrivileges } from './attributes.ts'

export function open(x: Exchange): number {
  const a = x.request.take(openIn)
  const { request, filesystem, opened } = x
  const result = filesystem.open(request.node, a.flags, request.caller, opened)
  if (result < 0) return result
  if ((a.open_flags & OPEN.KILL_SUIDGID) !== 0) killPrivileges(x)
  return x.reply.put(openOut, x.backings.opened(request.node, opened, a.flags, request.caller))
}

/** CREATE and TMPFILE: an entry, and the open file behind it. */
function created(x: Exchange, result: number, flags: number): number {
  if (result < 0) return result
  const { request, reply, entry, opened } = x
  const size = putEntry(reply.view, HEADER_OUT, entry, x.valid)
  openOut.write(reply.view, HEADER_OUT + size, x.backings.opened(entry.node, opened, flags, request.caller))
  return size + openOut.size
}

export function create(x: Exchange): number {
  const { request, filesystem, entry, opened } = x
  const a = request.take(createIn)
  const name = request.name()
  request.caller.umask = a.umask
  return created(
    x,
    filesystem.create(request.node, name, a.flags, a.mode, request.caller, entry, opened),
    a.flags,
  )
}

export function tmpfile(x: Exchange): number {
  const { request, filesystem, entry, opened } = x
  const a = request.take(createIn)
  request.caller.umask = a.umask
  return created(x, filesystem.tmpfile(request.node, a.flags, a.mode, request.caller, entry, opened), a.flags)
}

export function flush(x: Exchange): number {
  const a = x.request.take(flushIn)
  const result = x.filesystem.flush(handle(a.fh))
  if (x.locks === null) return result
  // Each close is to be heard of, whatever the file system has to say to it.
  x.locks.flushed(x.request.node, a.lock_owner)
  return result === -errno.ENOSYS ? 0 : result
}

export function release(x: Exchange): number {
  const a = x.request.take(releaseIn)
  x.locks?.released(x.request.node, handle(a.fh), (a.release_flags & RELEASE.FLOCK_UNLOCK) !== 0)
  x.backings.released(x.request.node)
  x.filesystem.release(handle(a.fh))
  return 0
}
