/**
 * What all operations on a disk share: its root, its nodes and handles, and the steps that they are made of.
 *
 * Every step answers as the kernel does: a descriptor, a count or 0, or minus the errno.
 */
import { errno } from '../../lib/sys/errno.ts'
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, close, O, openat2, RESOLVE } from '../../lib/sys/open.ts'
import { emptyStat, statInto } from '../../lib/sys/stat.ts'
import { NO_HANDLE, type Caller, type Entry, type HandleId, type Name, type NodeId } from '../filesystem.ts'
import type { Credentials } from './credentials.ts'
import { descriptorBudget, openFileLimit } from './descriptor-budget.ts'
import type { DirectoryStream } from './directory-stream.ts'
import { Handles } from './handles.ts'
import { isHidden } from './hidden.ts'
import { nameText, type Node, type Nodes } from './nodes.ts'
import { DiskRoot } from './root.ts'
import { Shares } from './shares.ts'
import type { DiskSource } from './source.ts'

/** The user of an engine's caller who isn't known. */
const unknown = -1

export class OpenDisk {
  readonly readOnly: boolean
  /** Whether what is mounted inside the root is shown. */
  readonly crosses: boolean
  readonly root: DiskRoot
  readonly nodes: Nodes
  readonly handles: Handles
  readonly shares: Shares
  /** What a step found out last, where it says so. One for all, since no two operations are under way at one time. */
  readonly stat = emptyStat()
  readonly #credentials: Credentials | null
  readonly #closeLarge: (fd: number) => void

  /** Throws SystemError when the root can't be opened, unless it is merely not who it should be. */
  constructor(source: DiskSource, credentials: Credentials | null, closeLarge: (fd: number) => void) {
    this.readOnly = source.readOnly
    this.crosses = source.crossDevices
    const budget = descriptorBudget(openFileLimit())
    const own = process.geteuid?.() ?? 0
    this.shares = new Shares(budget.users, source.maxUserHandles || budget.user, new Set([0, own, unknown]))
    this.handles = new Handles(this.shares)
    this.root = new DiskRoot(source, budget.nodes, closeLarge)
    this.nodes = this.root.nodes
    this.#credentials = credentials
    this.#closeLarge = closeLarge
  }

  /**
   * Does `call`, which makes system calls and nothing else, on behalf of `caller`; null: as the daemon. Nowhere else is
   * this thread somebody else.
   */
  as<A extends unknown[]>(caller: Caller | null, call: (...args: A) => number, ...args: A): number {
    if (caller === null) return call(...args)
    this.#credentials?.assume(caller)
    try {
      return call(...args)
    } finally {
      this.#credentials?.revert()
    }
  }

  /** From now on what this thread does is bound by the host's limits as if `caller` did it. */
  limit(caller: Caller | null): void {
    if (caller !== null) this.#credentials?.limit(caller)
  }

  /** undefined where `missing` says why. */
  node(id: NodeId): Node | undefined {
    return this.root.offline ? undefined : this.nodes.get(id)
  }

  /** Why there is no such node. */
  missing(): number {
    return this.root.offline ? -errno.EIO : -errno.ESTALE
  }

  /** A descriptor of any kind on the node's file, to be given back with `nodes.done`. */
  reach(id: NodeId): number {
    const node = this.node(id)
    return node === undefined ? this.missing() : this.nodes.reach(node)
  }

  /** A descriptor of the node's file that is more than a path, which calls such as fgetxattr(2) want; -1: none. */
  openOn(id: NodeId): number {
    return this.nodes.get(id)?.handles?.[0] ?? -1
  }

  /** The descriptor behind a handle; -1 for NO_HANDLE and for handles that nobody has. */
  behind(handle: HandleId): number {
    return handle === NO_HANDLE ? -1 : (this.handles.get(handle)?.fd ?? -1)
  }

  /** The descriptor of a directory in which `name` is about to be made. */
  directoryFor(parent: NodeId, name: Name): number {
    if (this.readOnly) return -errno.EROFS
    const directory = this.node(parent)
    if (directory === undefined) return this.missing()
    const fd = this.nodes.descriptor(directory)
    return fd >= 0 && isHidden(fd, name) ? -errno.EPERM : fd
  }

  /** Fills `entry` with what `name` stands for in `directory`, which is open as `fd`, and counts a lookup. */
  found(directory: Node, fd: number, name: Name, entry: Entry): number {
    const text = nameText(name)
    if (this.#covers(fd, name, text)) return -errno.ENOENT
    const result = statInto(fd, name, AT_SYMLINK_NOFOLLOW | this.root.statFlags, entry.attributes)
    if (result < 0) return result
    if (!this.crosses && entry.attributes.mntId !== this.nodes.rootStat.mntId) return -errno.ENOENT
    if (this.root.hides(entry.attributes)) return -errno.ENOENT
    entry.node = this.nodes.found(directory, text, entry.attributes).id
    return 0
  }

  /**
   * Whether something is mounted on the name, which isn't to be crossed into: it isn't touched, as it may not answer.
   */
  isCovered(fd: number, name: Name): boolean {
    return this.#covers(fd, name, nameText(name))
  }

  /** Whether the name stands for the state directory, or what lies in it. */
  isState(fd: number, name: Name): boolean {
    return (
      statInto(fd, name, AT_SYMLINK_NOFOLLOW | this.root.statFlags, this.stat) === 0 &&
      this.root.hides(this.stat)
    )
  }

  #covers(fd: number, name: Name, text: string): boolean {
    if (this.crosses || !this.root.mayCover(text)) return false
    const found = openat2(fd, name, O.PATH | O.NOFOLLOW, RESOLVE.NO_XDEV)
    if (found >= 0) close(found)
    return found === -errno.EXDEV
  }

  /** As `found`, of what was just made. `result`: what the call that made it answered. */
  made(result: number, parent: NodeId, fd: number, name: Name, entry: Entry): number {
    if (result < 0) return result
    const directory = this.node(parent)
    return directory === undefined ? this.missing() : this.found(directory, fd, name, entry)
  }

  /** Whether `caller` may have one more handle: 0, or minus the errno. */
  mayOpen(caller: Caller | null): number {
    return this.shares.more(caller?.uid ?? unknown)
  }

  /** Makes `fd` a handle on the node, of `caller`. `stream`: of a directory. `flags`: of open(2). */
  opened(
    node: Node,
    fd: number,
    stream: DirectoryStream | null,
    flags: number,
    caller: Caller | null,
  ): HandleId {
    // A directory's handle isn't where its node is reached through: the table has a descriptor for that.
    if (stream === null) this.nodes.opened(node, fd, caller)
    else this.nodes.entered(node)
    return this.handles.add({
      fd,
      node,
      stream,
      appends: (flags & O.APPEND) !== 0,
      uid: caller?.uid ?? unknown,
    })
  }

  /** The end of a handle, and of its descriptor. */
  released(handle: HandleId): void {
    const open = this.handles.remove(handle)
    if (open === null) return
    open.stream?.release()
    const { node, fd, stream } = open
    // It may have grown since it lost its name, or have never had one.
    if (stream === null && node.parent === null && statInto(fd, '', AT_EMPTY_PATH, this.stat) === 0) {
      if (this.stat.nlink === 0) this.nodes.nameless(node, this.stat.blocks)
    }
    const large = node.use?.large === true
    if (stream === null) this.nodes.closed(node, fd)
    else this.nodes.left(node)
    if (large) this.#closeLarge(fd)
    else close(fd)
  }

  close(): void {
    this.handles.close()
    this.root.close()
  }
}
