/**
 * The node table: which file a node id means, and how to get at it without ever resolving a path.
 *
 * A node knows one place (directory node, name) where its file was last seen, and who the file is (device,
 * inode, birth time, type). Directories, and files that have lost their place, are held by O_PATH descriptors,
 * bounded in number: a node whose descriptor was given up is opened again by its place, below its parent's
 * descriptor, and believed only when it is still the same file. What isn't is ESTALE, upon which the kernel
 * asks for the name anew.
 *
 * A node leaves the table when its lookups are given back, no handle is open on it and no other node's place
 * lies in it.
 */
import { errno } from '../lib/sys/errno.ts'
import type { CString } from '../lib/sys/libc.ts'
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, close, O, openat2 } from '../lib/sys/open.ts'
import { emptyStat, S, statInto, type MutableStat } from '../lib/sys/stat.ts'
import { ROOT, type NodeId } from './filesystem.ts'

export class Node {
  readonly id: NodeId
  /** Who it is: the inode number on the root's device, device and inode elsewhere. */
  readonly key: number | string
  /** Birth time, 0 where the file system has none that lasts. Together with `key` it outlives reuse of inodes. */
  readonly birth: number
  /** S_IFMT bits. */
  readonly type: number
  /** The directory of its place; null for the root, and for what has no place any more. */
  parent: Node | null = null
  /** The place's name, latin1, so that any bytes fit a one-byte string. */
  name = ''
  lookups = 0
  /** Nodes whose place lies here, and directory handles. */
  dependents = 0
  /** O_PATH, or -1. */
  fd = -1
  /** Where it stands among those whose descriptor may be given up; -1: not there. */
  slot = -1
  /** In use by the operation at hand: its descriptor stays. */
  pinned = false
  /** Used since the clock's hand came by. */
  touched = false
  /** Descriptors of the handles that are open on it. */
  handles: number[] | null = null

  constructor(id: NodeId, key: number | string, birth: number, type: number) {
    this.id = id
    this.key = key
    this.birth = birth
    this.type = type
  }
}

/** Names go from latin1 strings to system calls through this one buffer. */
const scratch = Buffer.alloc(4097)
function cname(name: string): CString {
  const length = scratch.write(name, 'latin1')
  scratch[length] = 0
  return scratch as Uint8Array as CString
}

/** A name's bytes, without the NUL that ends them, as latin1. */
export const nameText = (name: Uint8Array): string =>
  Buffer.prototype.latin1Slice.call(name, 0, name.length - 1)

export class Nodes {
  readonly root: Node
  /** Of the root; all zeros until `bind`. */
  readonly rootStat = emptyStat()
  #trustsBirth = false
  readonly #byId = new Map<number, Node>()
  readonly #byKey = new Map<number | string, Node>()
  #nextId = ROOT + 1
  #rootKey: number | string = -1
  #lookups = 0
  /** Descriptors of nodes but for the root's. */
  #held = 0
  /** The clock: nodes whose descriptor may be given up. */
  readonly #ring: Node[] = []
  #hand = 0
  readonly #limit: number
  /** Opened for one operation, to be closed by `done`. */
  #transient = -1
  readonly #stat = emptyStat()

  /** Keeps at most `limit` descriptors, but for those of files without a name, which can't be had again. */
  constructor(limit: number) {
    this.#limit = Math.max(limit, 16)
    this.root = new Node(ROOT, 0, 0, S.IFDIR)
    this.#byId.set(ROOT, this.root)
  }

  /**
   * Takes over `fd`, an O_PATH descriptor of the root with those attributes. Another time, after `releaseAll`, it
   * must be the same root again, whatever device number its file system has now.
   */
  bind(fd: number, stat: MutableStat, trustsBirth: boolean): void {
    Object.assign(this.rootStat, stat)
    this.#trustsBirth = trustsBirth
    this.root.fd = fd
    this.#rootKey = this.keyOf(stat)
    this.#byKey.set(this.#rootKey, this.root)
  }

  get count(): number {
    return this.#byId.size - 1
  }

  get lookups(): number {
    return this.#lookups
  }

  get descriptors(): number {
    return this.#held
  }

  get(id: NodeId): Node | undefined {
    return this.#byId.get(id)
  }

  keyOf(stat: MutableStat): number | string {
    return stat.dev === this.rootStat.dev && stat.ino <= 0x1fffffffffffffn
      ? Number(stat.ino)
      : `${stat.dev}:${stat.ino}`
  }

  /** The node that is known by host device and inode. */
  byInode(dev: bigint, ino: bigint): Node | undefined {
    this.#stat.dev = dev
    this.#stat.ino = ino
    return this.#byKey.get(this.keyOf(this.#stat))
  }

  /** The node of the file that `stat` is of, where one is known. */
  byStat(stat: MutableStat): Node | undefined {
    const node = this.#byKey.get(this.keyOf(stat))
    return node !== undefined && this.is(node, stat) ? node : undefined
  }

  is(node: Node, stat: MutableStat): boolean {
    if (node === this.root) return this.keyOf(stat) === this.#rootKey
    return (
      node.key === this.keyOf(stat) &&
      node.type === (stat.mode & S.IFMT) &&
      node.birth === this.#birthOf(stat)
    )
  }

  /** The node of the file seen as `name` (latin1) in `parent`, minted when it is new. Counts a lookup. */
  found(parent: Node | null, name: string, stat: MutableStat): Node {
    const key = this.keyOf(stat)
    let node = this.#byKey.get(key)
    if (node === undefined || !this.is(node, stat)) {
      node = new Node(this.#nextId++ as NodeId, key, this.#birthOf(stat), stat.mode & S.IFMT)
      this.#byId.set(node.id, node)
      this.#byKey.set(key, node)
    }
    node.lookups++
    this.#lookups++
    if (parent !== null && node !== this.root) this.place(node, parent, name)
    return node
  }

  place(node: Node, parent: Node | null, name: string): void {
    const before = node.parent
    if (before !== parent) {
      node.parent = parent
      if (parent !== null) parent.dependents++
      if (before !== null) {
        before.dependents--
        this.#drop(before)
      }
    }
    node.name = name
    if (parent !== null && node.fd >= 0 && node.slot < 0) node.slot = this.#ring.push(node) - 1
  }

  /** Its last name is gone: a descriptor that it has can't be had again, so it is kept. */
  nameless(node: Node): void {
    this.place(node, null, '')
    this.#leaveRing(node)
  }

  forget(node: Node, count: number): void {
    const given = Math.min(count, node.lookups)
    node.lookups -= given
    this.#lookups -= given
    this.#drop(node)
  }

  opened(node: Node, fd: number): void {
    if (node.handles === null) node.handles = [fd]
    else node.handles.push(fd)
  }

  /** A handle's descriptor is about to be closed. */
  closed(node: Node, fd: number): void {
    const at = node.handles?.indexOf(fd) ?? -1
    if (at >= 0) node.handles?.splice(at, 1)
    if (node.handles?.length === 0) node.handles = null
    this.#drop(node)
  }

  /** A handle on the directory begins to keep it in the table. */
  entered(node: Node): void {
    node.dependents++
  }

  left(node: Node): void {
    node.dependents--
    this.#drop(node)
  }

  /** A descriptor to act below or on, kept by the table: good until the next call here. Minus the errno: none. */
  descriptor(node: Node): number {
    if (node.fd >= 0) {
      node.touched = true
      return node.fd
    }
    const fd = this.openPlace(node, O.PATH | O.NOFOLLOW)
    if (fd >= 0) this.keep(node, fd)
    return fd
  }

  /** A descriptor of any kind on the node's file, to be given back with `done`. */
  reach(node: Node): number {
    if (node.fd >= 0 || node.type === S.IFDIR) return this.descriptor(node)
    const open = node.handles?.[0]
    if (open !== undefined) return open
    const fd = this.openPlace(node, O.PATH | O.NOFOLLOW)
    if (fd >= 0) this.#transient = fd
    return fd
  }

  done(fd: number): void {
    if (fd !== this.#transient) return
    close(fd)
    this.#transient = -1
  }

  /** Opens what stands at the node's place, and closes it again (ESTALE) when it isn't the node's file. */
  openPlace(node: Node, flags: number): number {
    if (node.parent === null) return -errno.ESTALE
    const directory = this.descriptor(node.parent)
    if (directory < 0) return directory
    const fd = openat2(directory, cname(node.name), flags)
    if (fd < 0) return fd === -errno.ENOENT || fd === -errno.ELOOP ? -errno.ESTALE : fd
    const result = statInto(fd, '', AT_EMPTY_PATH, this.#stat)
    if (result >= 0 && this.is(node, this.#stat)) return fd
    close(fd)
    return result < 0 ? result : -errno.ESTALE
  }

  /** The node's attributes: by descriptor where there is one, else by its place. */
  stat(node: Node, stat: MutableStat): number {
    const fd = node.fd >= 0 ? node.fd : (node.handles?.[0] ?? -1)
    if (fd >= 0) return statInto(fd, '', AT_EMPTY_PATH, stat)
    if (node.parent === null) return -errno.ESTALE
    const directory = this.descriptor(node.parent)
    if (directory < 0) return directory
    const result = statInto(directory, cname(node.name), AT_SYMLINK_NOFOLLOW, stat)
    if (result < 0) return result === -errno.ENOENT ? -errno.ESTALE : result
    return this.is(node, stat) ? 0 : -errno.ESTALE
  }

  /** Lets the table keep an O_PATH descriptor of the node. */
  keep(node: Node, fd: number): void {
    if (node.fd >= 0) {
      close(fd)
      return
    }
    if (this.#ring.length >= this.#limit) this.#evict()
    node.fd = fd
    this.#held++
    node.touched = true
    node.slot = this.#ring.push(node) - 1
  }

  /** Closes every node's descriptor: the root's file system is to be let go. */
  releaseAll(): void {
    for (const node of this.#byId.values()) if (node.fd >= 0 && node !== this.root) this.#letGo(node)
    if (this.root.fd >= 0) close(this.root.fd)
    this.root.fd = -1
  }

  #birthOf(stat: MutableStat): number {
    return this.#trustsBirth ? stat.btime * 1e9 + stat.btimeNs : 0
  }

  #drop(from: Node): void {
    let node: Node | null = from
    while (
      node !== null &&
      node.lookups === 0 &&
      node.dependents === 0 &&
      node.handles === null &&
      node !== this.root &&
      this.#byId.get(node.id) === node
    ) {
      this.#byId.delete(node.id)
      if (this.#byKey.get(node.key) === node) this.#byKey.delete(node.key)
      if (node.fd >= 0) this.#letGo(node)
      const parent: Node | null = node.parent
      node.parent = null
      if (parent !== null) parent.dependents--
      node = parent
    }
  }

  #letGo(node: Node): void {
    close(node.fd)
    node.fd = -1
    this.#leaveRing(node)
    this.#held--
  }

  #leaveRing(node: Node): void {
    if (node.slot < 0) return
    const last = this.#ring.pop()
    if (last !== undefined && last !== node) {
      this.#ring[node.slot] = last
      last.slot = node.slot
    }
    node.slot = -1
  }

  #evict(): void {
    for (;;) {
      if (this.#hand >= this.#ring.length) this.#hand = 0
      const node = this.#ring[this.#hand]
      if (node === undefined) return
      if (!node.touched && !node.pinned) {
        this.#letGo(node)
        return
      }
      node.touched = false
      this.#hand++
    }
  }
}
