/** Operations on extended attributes. */
import { nameText } from '../../disk/nodes.ts'
import { NO_HANDLE, SET } from '../../filesystem.ts'
import type { Exchange } from '../exchange.ts'
import { HEADER_OUT } from '../protocol/codec.ts'
import { SETXATTR } from '../protocol/flags.ts'
import { getxattrIn, getxattrOut, setxattrIn, setxattrInCompat } from '../protocol/structs.ts'

/** GETXATTR and LISTXATTR: `size` 0 asks how much there is. */
function attributeReply(x: Exchange, size: number, fill: (limit: number) => number): number {
  const length = fill(Math.min(size, x.reply.capacity))
  return length < 0 || size > 0 ? length : x.reply.put(getxattrOut, { size: length })
}

export function getxattr(x: Exchange): number {
  const a = x.request.take(getxattrIn)
  const name = x.request.string()
  const { filesystem, request, reply } = x
  return attributeReply(x, a.size, (limit) =>
    filesystem.getxattr(request.node, name, reply.bytes, HEADER_OUT, limit),
  )
}

export function listxattr(x: Exchange): number {
  const a = x.request.take(getxattrIn)
  const { filesystem, request, reply } = x
  return attributeReply(x, a.size, (limit) =>
    filesystem.listxattr(request.node, reply.bytes, HEADER_OUT, limit),
  )
}

export function setxattr(x: Exchange): number {
  const { request, filesystem, entry, changes } = x
  const a = x.setxattrExtended
    ? request.take(setxattrIn)
    : { ...request.take(setxattrInCompat), setxattr_flags: 0 }
  const name = request.string()
  const start = request.data(a.size)
  const { caller } = request
  const result = filesystem.setxattr(request.node, name, request.bytes, start, a.size, a.flags, caller)
  if (result < 0 || (a.setxattr_flags & SETXATTR.ACL_KILL_SGID) === 0) return result
  // The kernel says so of default ACLs too, which leave the mode alone.
  if (nameText(name) !== 'system.posix_acl_access') return result
  if (filesystem.getattr(request.node, NO_HANDLE, entry.attributes) === 0) {
    const { mode } = entry.attributes
    if ((mode & 0o2000) !== 0) {
      changes.set = SET.MODE
      changes.mode = mode & 0o5777
      filesystem.setattr(request.node, NO_HANDLE, changes, null, entry.attributes)
    }
  }
  return result
}

export const removexattr = (x: Exchange): number =>
  x.filesystem.removexattr(x.request.node, x.request.string(), x.request.caller)
