/**
 * FUSE_NOTIFY_INVAL_*: what changed behind the kernel's back. To be called from a thread that serves no
 * requests: the kernel may wait for one that holds the directory, and that one for its answer.
 */
import type { Change } from '../engine.ts'
import { writeReply } from './device.ts'
import { HEADER_OUT } from './protocol/codec.ts'
import { NOTIFY } from './protocol/flags.ts'
import { notifyInvalEntry, notifyInvalInode, outHeader } from './protocol/structs.ts'

const buffer = Buffer.from(new ArrayBuffer(1024))
const view = new DataView(buffer.buffer)

/** A notification is a reply without a request: its code stands where the error does. */
function send(device: number, code: number, length: number): number {
  outHeader.write(view, 0, { len: HEADER_OUT + length, error: code, unique: 0n })
  return writeReply(device, buffer, HEADER_OUT + length)
}

/** Attributes and cached pages of a node. 0, or minus the errno; ENOENT: the kernel doesn't know it. */
export function invalidateNode(device: number, node: number): number {
  notifyInvalInode.write(view, HEADER_OUT, { ino: node, off: 0, len: 0 })
  return send(device, NOTIFY.INVAL_INODE, notifyInvalInode.size)
}

/** Attributes of a node alone, which any thread may do: the kernel waits for nobody. */
export function invalidateAttributes(device: number, node: number): number {
  notifyInvalInode.write(view, HEADER_OUT, { ino: node, off: -1, len: 0 })
  return send(device, NOTIFY.INVAL_INODE, notifyInvalInode.size)
}

/** A name in a directory, and the directory's own attributes. */
export function invalidateEntry(device: number, parent: number, name: Uint8Array): number {
  const { size } = notifyInvalEntry
  if (name.length > 255) return 0
  notifyInvalEntry.write(view, HEADER_OUT, { parent, namelen: name.length, flags: 0 })
  buffer.set(name, HEADER_OUT + size)
  buffer[HEADER_OUT + size + name.length] = 0
  return send(device, NOTIFY.INVAL_ENTRY, size + name.length + 1)
}

/** `nodes[i]` is the directory of `changes[i]`, 0 where the kernel can't know it. */
export function notifyEntries(device: number, changes: readonly Change[], nodes: readonly number[]): void {
  for (const [i, { name }] of changes.entries()) {
    const parent = nodes[i] ?? 0
    if (parent === 0) continue
    invalidateEntry(device, parent, name)
    invalidateNode(device, parent)
  }
}
