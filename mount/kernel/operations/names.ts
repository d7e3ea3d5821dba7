/** Operations on names: looking up and forgetting, making, removing, renaming and linking. */
import { makedev, S } from '../../../lib/sys/stat.ts'
import type { Exchange } from '../exchange.ts'
import { deviceMajor, deviceMinor, HEADER_OUT, node } from '../protocol/codec.ts'
import {
  batchForgetIn,
  forgetIn,
  forgetOne,
  linkIn,
  mkdirIn,
  mknodIn,
  rename2In,
  renameIn,
} from '../protocol/structs.ts'

export function lookup(x: Exchange): number {
  const { request, filesystem, entry } = x
  return x.entryReply(filesystem.lookup(request.node, request.name(), entry))
}

export function forget(x: Exchange): number {
  x.filesystem.forget(x.request.node, x.request.take(forgetIn).nlookup)
  return 0
}

export function batchForget(x: Exchange): number {
  const { count } = x.request.take(batchForgetIn)
  for (let i = 0; i < count; i++) {
    const one = x.request.take(forgetOne)
    x.filesystem.forget(node(one.nodeid), one.nlookup)
  }
  return 0
}

export const readlink = (x: Exchange): number =>
  x.filesystem.readlink(x.request.node, x.reply.bytes, HEADER_OUT, 4095)

export function symlink(x: Exchange): number {
  const { request, filesystem, entry } = x
  const link = request.name()
  return x.entryReply(filesystem.symlink(request.node, link, request.string(), request.caller, entry))
}

export function mknod(x: Exchange): number {
  const { request, filesystem, entry } = x
  const a = request.take(mknodIn)
  const type = a.mode & S.IFMT
  const rdev = type === S.IFCHR || type === S.IFBLK ? makedev(deviceMajor(a.rdev), deviceMinor(a.rdev)) : 0n
  request.caller.umask = a.umask
  return x.entryReply(filesystem.mknod(request.node, request.name(), a.mode, rdev, request.caller, entry))
}

export function mkdir(x: Exchange): number {
  const { request, filesystem, entry } = x
  const a = request.take(mkdirIn)
  request.caller.umask = a.umask
  return x.entryReply(filesystem.mkdir(request.node, request.name(), a.mode, request.caller, entry))
}

export const unlink = (x: Exchange): number =>
  x.filesystem.unlink(x.request.node, x.request.name(), x.request.caller)

export const rmdir = (x: Exchange): number =>
  x.filesystem.rmdir(x.request.node, x.request.name(), x.request.caller)

function renameTo(x: Exchange, to: number, flags: number): number {
  const { request, filesystem } = x
  const from = request.name()
  return filesystem.rename(request.node, from, node(to), request.name(), flags, request.caller)
}

export const rename = (x: Exchange): number => renameTo(x, x.request.take(renameIn).newdir, 0)

export function rename2(x: Exchange): number {
  const a = x.request.take(rename2In)
  return renameTo(x, a.newdir, a.flags)
}

export function link(x: Exchange): number {
  const { request, filesystem, entry } = x
  const { oldnodeid } = request.take(linkIn)
  return x.entryReply(filesystem.link(node(oldnodeid), request.node, request.name(), request.caller, entry))
}
