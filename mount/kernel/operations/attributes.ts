/** Operations on attributes, extended ones among them, and on what the whole file system has. */
import { errno } from '../../../lib/sys/errno.ts'
import { SET, NO_HANDLE, type NodeId } from '../../filesystem.ts'
import type { Exchange } from '../exchange.ts'
import { deviceMajor, deviceMinor, encodeDevice, handle } from '../protocol/codec.ts'
import { FATTR, GETATTR } from '../protocol/flags.ts'
import { OPCODE } from '../protocol/opcode-numbers.ts'
import * as layout from '../protocol/structs.ts'

export function getattr(x: Exchange): number {
  const a = x.request.take(layout.getattrIn)
  const through = (a.getattr_flags & GETATTR.FH) !== 0 ? handle(Number(a.fh)) : NO_HANDLE
  return x.attributesReply(x.filesystem.getattr(x.request.node, through, x.entry.attributes))
}

/** FATTR_* bit → SET_* bit, where it is just that. */
const changes: readonly (readonly [number, number])[] = [
  [FATTR.MODE, SET.MODE],
  [FATTR.UID, SET.UID],
  [FATTR.GID, SET.GID],
  [FATTR.SIZE, SET.SIZE],
  [FATTR.ATIME, SET.ATIME],
  [FATTR.MTIME, SET.MTIME],
  [FATTR.ATIME_NOW, SET.ATIME_NOW],
  [FATTR.MTIME_NOW, SET.MTIME_NOW],
  [FATTR.KILL_SUIDGID, SET.KILL_SUIDGID],
]

export function setattr(x: Exchange): number {
  const a = x.request.take(layout.setattrIn)
  const to = x.changes
  to.set = 0
  for (const [ours, theirs] of changes) if ((a.valid & ours) !== 0) to.set |= theirs
  to.mode = a.mode & 0o7777
  to.uid = a.uid
  to.gid = a.gid
  to.size = a.size
  to.atime = a.atime
  to.atimeNs = a.atimensec
  to.mtime = a.mtime
  to.mtimeNs = a.mtimensec
  const through = (a.valid & FATTR.FH) !== 0 ? handle(Number(a.fh)) : NO_HANDLE
  const { filesystem, request, entry } = x
  if (x.lanes !== null && (to.set & ~SET.KILL_SUIDGID) === SET.SIZE) {
    const fd = filesystem.cut(request.node, through, a.size)
    if (fd >= 0) {
      x.job.begin(OPCODE.SETATTR, fd, a.size)
      return x.slowly()
    }
  }
  return x.attributesReply(filesystem.setattr(request.node, through, to, request.caller, entry.attributes))
}

/** Takes away set-user-ID and set-group-ID as a write by `caller` would. */
export function killPrivileges(x: Exchange, of: NodeId = x.request.node): void {
  const { filesystem, request, changes, entry } = x
  changes.set = SET.KILL_SUIDGID
  filesystem.setattr(of, NO_HANDLE, changes, request.caller, entry.attributes)
}

export const access = (x: Exchange): number =>
  x.filesystem.access(x.request.node, x.request.take(layout.accessIn).mask, x.request.caller)

export function statfs(x: Exchange): number {
  x.onWake()
  const s = x.statfs
  const result = x.filesystem.statfs(x.request.node, s)
  if (result < 0) return result
  return x.reply.put(layout.statfsOut, {
    blocks: BigInt(s.blocks),
    bfree: BigInt(s.bfree),
    bavail: BigInt(s.bavail),
    files: BigInt(s.files),
    ffree: BigInt(s.ffree),
    bsize: s.bsize,
    namelen: s.namelen,
    frsize: s.frsize,
  })
}

/** linux/stat.h: what we know of a file beyond mode and size: all basic fields and the birth time. */
const STATX_KNOWN = 0xfff

export function statx(x: Exchange): number {
  if (!x.birthTimes) return -errno.ENOSYS
  const a = x.request.take(layout.statxIn)
  const s = x.entry.attributes
  const through = (a.getattr_flags & GETATTR.FH) !== 0 ? handle(Number(a.fh)) : NO_HANDLE
  const result = x.filesystem.getattr(x.request.node, through, s)
  if (result < 0) return result
  const rdev = encodeDevice(s.rdev)
  return x.reply.put(layout.statxOut, {
    attr_valid: x.valid.attributeSeconds,
    attr_valid_nsec: x.valid.attributeNs,
    flags: 0,
    stat: {
      mask: s.btime === 0 && s.btimeNs === 0 ? STATX_KNOWN & ~0x800 : STATX_KNOWN,
      blksize: s.blksize,
      attributes: 0n,
      nlink: s.nlink,
      uid: s.uid,
      gid: s.gid,
      mode: s.mode,
      ino: s.ino,
      size: s.size,
      blocks: s.blocks,
      attributes_mask: 0n,
      atime: { tv_sec: s.atime, tv_nsec: s.atimeNs },
      btime: { tv_sec: s.btime, tv_nsec: s.btimeNs },
      ctime: { tv_sec: s.ctime, tv_nsec: s.ctimeNs },
      mtime: { tv_sec: s.mtime, tv_nsec: s.mtimeNs },
      rdev_major: deviceMajor(rdev),
      rdev_minor: deviceMinor(rdev),
      dev_major: 0,
      dev_minor: 0,
    },
  })
}
