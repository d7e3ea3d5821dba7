/**
 * FUSE_NOTIFY_INVAL_*: what changed behind the kernel's back. To be called from a thread that serves no
 * requests: the kernel may wait for one that holds the directory, and that one for its answer.
 */
import { writeReply } from './device.ts'
import { HEADER_OUT } from './protocol/codec.ts'
import { EXPIRE_ONLY, NOTIFY } from './protocol/flags.ts'
import { notifyInvalEntry, notifyInvalInode, outHeader } from './protocol/structs.ts'

const buffer = Buffer.from(new ArrayBuffer(1024))
const view = new DataView(buffer.buffer)

/** A notification is a reply without a request: its code stands where the error does. */
function send(device: number, code: number, length: number): number {
  outHeader.write(view, 0, { len: HEADER_OUT + length, error: code, unique: 0n })
  return writeReply(device, buffer, HEADER_OUT + length)
}

/** Attributes and cached pages of a node. 0, or minus the errno; ENOENT: the kernel doesn't know it. */
function invalidateNode(device: number, node: number): number {
  notifyInvalInode.write(view, HEADER_OUT, { ino: node, off: 0, len: 0 })
  return send(device, NOTIFY.INVAL_INODE, notifyInvalInode.size)
}

/** Attributes of a node alone, which any thread may do: the kernel waits for nobody. */
export function invalidateAttributes(device: number, node: number): number {
  notifyInvalInode.write(view, HEADER_OUT, { ino: node, off: -1, len: 0 })
  return send(device, NOTIFY.INVAL_INODE, notifyInvalInode.size)
}

/**
 * A name in a directory, which the kernel asks anew for when somebody uses it next. It isn't dropped: a directory that
 * is still there would be nowhere for those who work in it, and an open file called deleted. Kernels before 6.2 don't
 * know of the flag, and drop it.
 */
function expireEntry(device: number, parent: number, name: Uint8Array): number {
  const { size } = notifyInvalEntry
  notifyInvalEntry.write(view, HEADER_OUT, { parent, namelen: name.length, flags: EXPIRE_ONLY })
  buffer.set(name, HEADER_OUT + size)
  buffer[HEADER_OUT + size + name.length] = 0
  return send(device, NOTIFY.INVAL_ENTRY, size + name.length + 1)
}

/** Whether a directory can have an entry of that name, which comes from another process. */
export function isEntryName(name: Uint8Array): boolean {
  const dots = name.every((byte) => byte === 0x2e) && name.length <= 2
  return !dots && name.length <= 255 && !name.includes(0) && !name.includes(0x2f)
}

/** Where a change lies for the kernel. Nodes are 0 where it can't know them. */
export interface ChangedNodes {
  readonly directory: number
  /** What the name leads to now, and what it led to before. */
  readonly now: number
  readonly before: number
}

/** Tells of all of them. `nodes[i]` is of `names[i]`. What the kernel doesn't know it refuses, which is as well. */
export function notifyChanges(
  device: number,
  names: readonly Uint8Array[],
  nodes: readonly ChangedNodes[],
): void {
  for (const [i, name] of names.entries()) {
    const { directory = 0, now = 0, before = 0 } = nodes[i] ?? {}
    if (directory !== 0) {
      expireEntry(device, directory, name)
      invalidateNode(device, directory)
    }
    if (now !== 0) invalidateNode(device, now)
    if (before !== 0 && before !== now) invalidateNode(device, before)
  }
}
