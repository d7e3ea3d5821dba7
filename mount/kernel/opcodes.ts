/**
 * The operations: number and name of linux/fuse.h, what the request holds, what the answer is, and what is
 * done. What has no row is answered with ENOSYS, and the kernel then does without it.
 */
import { errno } from '../../lib/sys/errno.ts'
import { SEEK } from '../../lib/sys/file.ts'
import { makedev, S } from '../../lib/sys/stat.ts'
import { NO_HANDLE, SET, type HandleId, type Name, type NodeId } from '../filesystem.ts'
import { deviceMajor, deviceMinor, encodeDevice, HEADER_OUT, putEntry } from './codec.ts'
import type { Exchange } from './exchange.ts'
import {
  FATTR,
  FSYNC_FDATASYNC,
  GETATTR_FH,
  OPEN_KILL_SUIDGID,
  SETXATTR_ACL_KILL_SGID,
  WRITE,
} from './flags.ts'
import * as layout from './structs.ts'
import type { Struct } from './wire.ts'

export interface Opcode {
  readonly number: number
  /** As the header has it, without FUSE_. */
  readonly name: string
  /** The struct that the arguments begin with, and how many strings follow it. */
  readonly arguments: Struct<unknown> | null
  readonly strings: 0 | 1 | 2
  /** The struct of the answer, for the trace; null: none, or bytes. */
  readonly answer: Struct<unknown> | null
  /** FORGET, BATCH_FORGET and INTERRUPT are not answered. */
  readonly replies: boolean
  /** The answer's length, or minus the errno. Throws Malformed. */
  run(x: Exchange): number
}

type Answer<T> = Struct<T> | null
const opcode = <T>(
  number: number,
  name: string,
  request: Struct<T> | null,
  strings: 0 | 1 | 2,
  answer: Answer<never> | Answer<unknown>,
  run: (x: Exchange) => number,
  replies = true,
): Opcode => ({
  number,
  name,
  arguments: request as Struct<unknown> | null,
  strings,
  answer: answer as Struct<unknown> | null,
  replies,
  run,
})

const handle = (fh: number): HandleId => fh as HandleId
const node = (id: number): NodeId => id as NodeId

/** Those that lanes know too. */
export const FSYNC = 20
export const FSYNCDIR = 30
export const FALLOCATE = 43
export const COPY_FILE_RANGE = 47
export const SYNCFS = 50
export const COPY_FILE_RANGE_64 = 53

/** Copies of size_t that a reply can't count past. */
const MAX_COPY = 0x7ffff000

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

function setattr(x: Exchange): number {
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
  return x.attributesReply(filesystem.setattr(request.node, through, to, request.caller, entry.attributes))
}

/** Takes away set-user-ID and set-group-ID as a write by `caller` would. */
function killPrivileges(x: Exchange): void {
  const { filesystem, request, changes, entry } = x
  changes.set = SET.KILL_SUIDGID
  filesystem.setattr(request.node, NO_HANDLE, changes, request.caller, entry.attributes)
}

function write(x: Exchange): number {
  const { request, filesystem } = x
  const a = request.take(layout.writeIn)
  const start = request.data(a.size)
  if ((a.write_flags & WRITE.KILL_SUIDGID) !== 0) killPrivileges(x)
  const written = filesystem.write(handle(a.fh), a.offset, request.bytes, start, a.size)
  if (written < 0) return written
  x.bytesWritten += written
  return x.reply.put(layout.writeOut, { size: written })
}

function read(x: Exchange): number {
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

function open(x: Exchange): number {
  const a = x.request.take(layout.openIn)
  const { request, filesystem, opened } = x
  const result = filesystem.open(request.node, a.flags, request.caller, opened)
  if (result < 0) return result
  if ((a.open_flags & OPEN_KILL_SUIDGID) !== 0) killPrivileges(x)
  return x.reply.put(layout.openOut, x.backings.opened(request.node, opened.handle, a.flags))
}

/** CREATE and TMPFILE: an entry, and the open file behind it. */
function created(x: Exchange, result: number, flags: number): number {
  if (result < 0) return result
  const { reply, entry, opened } = x
  const size = putEntry(reply.view, HEADER_OUT, entry, x.valid)
  layout.openOut.write(reply.view, HEADER_OUT + size, x.backings.opened(entry.node, opened.handle, flags))
  return size + layout.openOut.size
}

function create(x: Exchange): number {
  const { request, filesystem, entry, opened } = x
  const a = request.take(layout.createIn)
  const name = request.name()
  request.caller.umask = a.umask
  return created(
    x,
    filesystem.create(request.node, name, a.flags, a.mode, request.caller, entry, opened),
    a.flags,
  )
}

function tmpfile(x: Exchange): number {
  const { request, filesystem, entry, opened } = x
  const a = request.take(layout.createIn)
  request.caller.umask = a.umask
  return created(x, filesystem.tmpfile(request.node, a.flags, a.mode, request.caller, entry, opened), a.flags)
}

function directory(withNodes: boolean): (x: Exchange) => number {
  return (x) => {
    const a = x.request.take(layout.readdirIn)
    x.packer.begin(a.size, withNodes)
    const result = x.filesystem.readdir(handle(a.fh), a.offset, withNodes, x.packer)
    return result < 0 && x.packer.length === 0 ? result : x.packer.length
  }
}

/** GETXATTR and LISTXATTR: `size` 0 asks how much there is. */
function attributeReply(x: Exchange, size: number, fill: (limit: number) => number): number {
  const length = fill(Math.min(size, x.reply.capacity))
  return length < 0 || size > 0 ? length : x.reply.put(layout.getxattrOut, { size: length })
}

function getxattr(x: Exchange): number {
  const a = x.request.take(layout.getxattrIn)
  const name = x.request.string()
  const { filesystem, request, reply } = x
  return attributeReply(x, a.size, (limit) =>
    filesystem.getxattr(request.node, name, reply.bytes, HEADER_OUT, limit),
  )
}

function listxattr(x: Exchange): number {
  const a = x.request.take(layout.getxattrIn)
  const { filesystem, request, reply } = x
  return attributeReply(x, a.size, (limit) =>
    filesystem.listxattr(request.node, reply.bytes, HEADER_OUT, limit),
  )
}

function setxattr(x: Exchange): number {
  const { request, filesystem, entry, changes } = x
  const a = x.setxattrExtended
    ? request.take(layout.setxattrIn)
    : { ...request.take(layout.setxattrInCompat), setxattr_flags: 0 }
  const name = request.string()
  const start = request.data(a.size)
  const { caller } = request
  const result = filesystem.setxattr(request.node, name, request.bytes, start, a.size, a.flags, caller)
  if (result < 0 || (a.setxattr_flags & SETXATTR_ACL_KILL_SGID) === 0) return result
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

function rename(x: Exchange, to: number, flags: number): number {
  const { request, filesystem } = x
  const from = request.name()
  return filesystem.rename(request.node, from, node(to), request.name(), flags, request.caller)
}

function statfs(x: Exchange): number {
  x.onKnock()
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

function statx(x: Exchange): number {
  const a = x.request.take(layout.statxIn)
  const s = x.entry.attributes
  const through = (a.getattr_flags & GETATTR_FH) !== 0 ? handle(Number(a.fh)) : NO_HANDLE
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

function copyFileRange(operation: number, answer: (x: Exchange, copied: number) => number) {
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

/** FSYNC and FSYNCDIR. */
function sync(operation: number): (x: Exchange) => number {
  return (x) => {
    const a = x.request.take(layout.fsyncIn)
    const dataOnly = (a.fsync_flags & FSYNC_FDATASYNC) !== 0
    const job = { operation, fd: x.filesystem.descriptor(handle(a.fh)), mode: dataOnly ? 1 : 0 }
    return x.slowly(job, () => x.filesystem.fsync(handle(a.fh), dataOnly))
  }
}

function fallocate(x: Exchange): number {
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

function batchForget(x: Exchange): number {
  const { count } = x.request.take(layout.batchForgetIn)
  for (let i = 0; i < count; i++) {
    const one = x.request.take(layout.forgetOne)
    x.filesystem.forget(node(one.nodeid), one.nlookup)
  }
  return 0
}

/** Operations that answer with an entry and take one name: `more` is what else they do with the arguments. */
const making =
  (make: (x: Exchange, name: () => Name) => number) =>
  (x: Exchange): number =>
    x.entryReply(make(x, () => x.request.name()))

const { entryOut, attrOut, openOut, writeOut } = layout

const rows: readonly Opcode[] = [
  opcode(1, 'LOOKUP', null, 1, entryOut, (x) => {
    const { request, filesystem, entry } = x
    return x.entryReply(filesystem.lookup(request.node, request.name(), entry))
  }),
  opcode(
    2,
    'FORGET',
    layout.forgetIn,
    0,
    null,
    (x) => {
      x.filesystem.forget(x.request.node, x.request.take(layout.forgetIn).nlookup)
      return 0
    },
    false,
  ),
  opcode(3, 'GETATTR', layout.getattrIn, 0, attrOut, (x) => {
    const a = x.request.take(layout.getattrIn)
    const through = (a.getattr_flags & GETATTR_FH) !== 0 ? handle(Number(a.fh)) : NO_HANDLE
    return x.attributesReply(x.filesystem.getattr(x.request.node, through, x.entry.attributes))
  }),
  opcode(4, 'SETATTR', layout.setattrIn, 0, attrOut, setattr),
  opcode(5, 'READLINK', null, 0, null, (x) =>
    x.filesystem.readlink(x.request.node, x.reply.bytes, HEADER_OUT, 4095),
  ),
  opcode(
    6,
    'SYMLINK',
    null,
    2,
    entryOut,
    making((x, name) => {
      const { request, filesystem, entry } = x
      const link = name()
      return filesystem.symlink(request.node, link, request.string(), request.caller, entry)
    }),
  ),
  opcode(
    8,
    'MKNOD',
    layout.mknodIn,
    1,
    entryOut,
    making((x, name) => {
      const { request, filesystem, entry } = x
      const a = request.take(layout.mknodIn)
      const type = a.mode & S.IFMT
      const rdev =
        type === S.IFCHR || type === S.IFBLK ? makedev(deviceMajor(a.rdev), deviceMinor(a.rdev)) : 0n
      request.caller.umask = a.umask
      return filesystem.mknod(request.node, name(), a.mode, rdev, request.caller, entry)
    }),
  ),
  opcode(
    9,
    'MKDIR',
    layout.mkdirIn,
    1,
    entryOut,
    making((x, name) => {
      const { request, filesystem, entry } = x
      const a = request.take(layout.mkdirIn)
      request.caller.umask = a.umask
      return filesystem.mkdir(request.node, name(), a.mode, request.caller, entry)
    }),
  ),
  opcode(10, 'UNLINK', null, 1, null, (x) =>
    x.filesystem.unlink(x.request.node, x.request.name(), x.request.caller),
  ),
  opcode(11, 'RMDIR', null, 1, null, (x) =>
    x.filesystem.rmdir(x.request.node, x.request.name(), x.request.caller),
  ),
  opcode(12, 'RENAME', layout.renameIn, 2, null, (x) => rename(x, x.request.take(layout.renameIn).newdir, 0)),
  opcode(
    13,
    'LINK',
    layout.linkIn,
    1,
    entryOut,
    making((x, name) => {
      const { request, filesystem, entry } = x
      const { oldnodeid } = request.take(layout.linkIn)
      return filesystem.link(node(oldnodeid), request.node, name(), request.caller, entry)
    }),
  ),
  opcode(14, 'OPEN', layout.openIn, 0, openOut, open),
  opcode(15, 'READ', layout.readIn, 0, null, read),
  opcode(16, 'WRITE', layout.writeIn, 0, writeOut, write),
  opcode(17, 'STATFS', null, 0, layout.statfsOut, statfs),
  opcode(18, 'RELEASE', layout.releaseIn, 0, null, (x) => {
    const a = x.request.take(layout.releaseIn)
    x.backings.released(x.request.node)
    x.filesystem.release(handle(a.fh))
    return 0
  }),
  opcode(FSYNC, 'FSYNC', layout.fsyncIn, 0, null, sync(FSYNC)),
  opcode(21, 'SETXATTR', layout.setxattrIn, 1, null, setxattr),
  opcode(22, 'GETXATTR', layout.getxattrIn, 1, null, getxattr),
  opcode(23, 'LISTXATTR', layout.getxattrIn, 0, null, listxattr),
  opcode(24, 'REMOVEXATTR', null, 1, null, (x) =>
    x.filesystem.removexattr(x.request.node, x.request.string(), x.request.caller),
  ),
  opcode(25, 'FLUSH', layout.flushIn, 0, null, (x) =>
    x.filesystem.flush(handle(x.request.take(layout.flushIn).fh)),
  ),
  opcode(27, 'OPENDIR', layout.openIn, 0, openOut, (x) => {
    x.request.take(layout.openIn)
    const result = x.filesystem.opendir(x.request.node, x.request.caller, x.opened)
    if (result < 0) return result
    return x.reply.put(openOut, { fh: x.opened.handle, open_flags: 0, backing_id: 0 })
  }),
  opcode(28, 'READDIR', layout.readdirIn, 0, null, directory(false)),
  opcode(29, 'RELEASEDIR', layout.releaseIn, 0, null, (x) => {
    x.filesystem.releasedir(handle(x.request.take(layout.releaseIn).fh))
    return 0
  }),
  opcode(FSYNCDIR, 'FSYNCDIR', layout.fsyncIn, 0, null, sync(FSYNCDIR)),
  opcode(34, 'ACCESS', layout.accessIn, 0, null, (x) =>
    x.filesystem.access(x.request.node, x.request.take(layout.accessIn).mask, x.request.caller),
  ),
  opcode(35, 'CREATE', layout.createIn, 1, entryOut, create),
  // Whoever is interrupted waits for the answer that is on its way: nothing here waits for anything but the disk.
  opcode(36, 'INTERRUPT', layout.interruptIn, 0, null, () => 0, false),
  opcode(42, 'BATCH_FORGET', layout.batchForgetIn, 0, null, batchForget, false),
  opcode(FALLOCATE, 'FALLOCATE', layout.fallocateIn, 0, null, fallocate),
  opcode(44, 'READDIRPLUS', layout.readdirIn, 0, null, directory(true)),
  opcode(45, 'RENAME2', layout.rename2In, 2, null, (x) => {
    const a = x.request.take(layout.rename2In)
    return rename(x, a.newdir, a.flags)
  }),
  opcode(46, 'LSEEK', layout.lseekIn, 0, layout.lseekOut, (x) => {
    const a = x.request.take(layout.lseekIn)
    if (a.whence !== SEEK.DATA && a.whence !== SEEK.HOLE) return -errno.EINVAL
    // A directory's offset may be a bigint.
    const offset = Number(x.filesystem.lseek(handle(a.fh), a.offset, a.whence))
    return offset < 0 ? offset : x.reply.put(layout.lseekOut, { offset })
  }),
  opcode(
    COPY_FILE_RANGE,
    'COPY_FILE_RANGE',
    layout.copyFileRangeIn,
    0,
    writeOut,
    copyFileRange(COPY_FILE_RANGE, (x, copied) => x.reply.put(writeOut, { size: copied })),
  ),
  opcode(SYNCFS, 'SYNCFS', layout.syncfsIn, 0, null, (x) =>
    x.slowly({ operation: SYNCFS, fd: 0 }, () => x.filesystem.syncfs(x.request.node)),
  ),
  opcode(51, 'TMPFILE', layout.createIn, 1, entryOut, tmpfile),
  opcode(52, 'STATX', layout.statxIn, 0, layout.statxOut, statx),
  opcode(
    COPY_FILE_RANGE_64,
    'COPY_FILE_RANGE_64',
    layout.copyFileRangeIn,
    0,
    layout.copyFileRangeOut,
    copyFileRange(COPY_FILE_RANGE_64, (x, copied) =>
      x.reply.put(layout.copyFileRangeOut, { bytes_copied: copied }),
    ),
  ),
]

/** Answered by the session itself: they are about the connection. */
export const FUSE_INIT = 26
export const FUSE_DESTROY = 38

/** The header's numbers of what we leave to the kernel, for the trace: locks, and what is answered with ENOSYS. */
const without: Readonly<Record<number, string>> = {
  26: 'INIT',
  31: 'GETLK',
  32: 'SETLK',
  33: 'SETLKW',
  37: 'BMAP',
  38: 'DESTROY',
  39: 'IOCTL',
  40: 'POLL',
  41: 'NOTIFY_REPLY',
  48: 'SETUPMAPPING',
  49: 'REMOVEMAPPING',
}

/** By number; undefined where there is none. */
export const opcodes: readonly (Opcode | undefined)[] = Array.from({ length: 64 }, (_, number) =>
  rows.find((row) => row.number === number),
)

export const opcodeName = (number: number): string =>
  opcodes[number]?.name ?? without[number] ?? `opcode ${number}`
