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
import { errno } from '../../lib/sys/errno.ts'
import type { CString } from '../../lib/sys/libc.ts'
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, close, O, openat2 } from '../../lib/sys/open.ts'
import { emptyStat, S, statInto, type MutableStat } from '../../lib/sys/stat.ts'
import { ROOT, type NodeId, type Owner } from '../filesystem.ts'
import { NodeIndex } from './node-index.ts'

/** What a node has while its descriptor is kept, while it is open, or while other nodes' places lie in it. */
class Use {
  /** O_PATH, or -1. */
  fd = -1
  /** Where it stands among those whose descriptor may be given up; -1: not there. */
  slot = -1
  /** In use by the operation at hand: its descriptor stays. */
  pinned = false
  /** Used since the clock's hand came by. */
  touched = false
  /** Nodes whose place lies here, and directory handles. */
  dependents = 0
  /** Descriptors of the handles that are open on it. */
  handles: number[] | null = null
  /** Who opened one of them and isn't root; null: nobody. */
  user: Owner | null = null
  /** Has no name any more and many blocks, which whoever closes it last frees: that can take seconds. */
  large = false
  /** How many names were looked up in it one by one since `askedSince`, milliseconds since the epoch. */
  asked = 0
  askedSince = 0
}

/** Milliseconds for which a name that was looked up counts as known. */
const knownFor = 1000
/** Names looked up one by one that make a directory well known. */
const wellKnown = 16

/** There may be a million of them: most are files that were looked up, and no more. */
export class Node {
  readonly id: NodeId
  /** Who it is: the inode number on the root's device, device and inode elsewhere. */
  readonly key: number | string
  /** 32 bits made of the birth time, 0 where there is none that lasts. Together with `key` it outlives reuse of inodes. */
  readonly birth: number
  /** S_IFMT bits. */
  readonly type: number
  /** The directory of its place; null for the root, and for what has no place any more. */
  parent: Node | null = null
  /** The place's name, latin1, so that any bytes fit a one-byte string. */
  name = ''
  lookups = 0
  use: Use | null = null
  /** Chains of the index. */
  nextById: Node | null = null
  nextByKey: Node | null = null

  constructor(id: NodeId, key: number | string, birth: number, type: number) {
    this.id = id
    this.key = key
    this.birth = birth
    this.type = type
  }

  /** O_PATH, or -1. */
  get fd(): number {
    return this.use === null ? -1 : this.use.fd
  }

  /** Descriptors of the handles that are open on it. */
  get handles(): readonly number[] | null {
    return this.use === null ? null : this.use.handles
  }

  /** In use by the operation at hand: its descriptor stays. */
  set pinned(pinned: boolean) {
    if (pinned) useOf(this).pinned = true
    else if (this.use !== null) this.use.pinned = false
  }
}

/** What opening a place answers when something else stands there now, be it another file system. */
const lost: ReadonlySet<number> = new Set([-errno.ENOENT, -errno.ELOOP, -errno.EXDEV])

const useOf = (node: Node): Use => (node.use ??= new Use())

/** Lets go of an empty use. */
function tidy(node: Node): void {
  const { use } = node
  if (use === null || use.fd >= 0 || use.handles !== null || use.dependents > 0 || use.pinned) return
  node.use = null
}

/** Of 512 bytes: ext4 took from 1 ms (20 GB in one piece: 17) to a minute (in pieces of 4 KiB) to free a GB of them. */
export const manyBlocks = 32_768

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
  /** As DiskRoot has them. */
  statFlags = 0
  /** All but the root. */
  readonly #index = new NodeIndex()
  #nextId = ROOT + 1
  #rootKey: number | string = -1
  #lookups = 0
  /** Descriptors of nodes but for the root's. */
  #held = 0
  /**
   * Nodes whose descriptor may be given up, by the CLOCK algorithm: the hand goes round, spares once what was used since
   * it came by, and takes the first that wasn't.
   */
  readonly #ring: Node[] = []
  #hand = 0
  readonly #limit: number
  readonly #closeLarge: (fd: number) => void
  readonly #resolve: number
  /** Opened for one operation, to be closed by `done`. */
  #transient = -1
  readonly #stat = emptyStat()

  /**
   * Keeps at most `limit` descriptors, but for those of files without a name, which can't be had again.
   * `closeLarge` closes those of large ones. `resolve`, of RESOLVE: how a place is opened.
   */
  constructor(limit: number, closeLarge: (fd: number) => void = close, resolve = 0) {
    this.#limit = Math.max(limit, 16)
    this.#closeLarge = closeLarge
    this.#resolve = resolve
    this.root = new Node(ROOT, 0, 0, S.IFDIR)
  }

  /**
   * Takes over `fd`, an O_PATH descriptor of the root with those attributes. Another time, after `releaseAll`, it
   * must be the same root again, whatever device number its file system has now.
   */
  bind(fd: number, stat: MutableStat, trustsBirth: boolean): void {
    Object.assign(this.rootStat, stat)
    this.#trustsBirth = trustsBirth
    useOf(this.root).fd = fd
    this.#rootKey = this.keyOf(stat)
  }

  get count(): number {
    return this.#index.size
  }

  get lookups(): number {
    return this.#lookups
  }

  get descriptors(): number {
    return this.#held
  }

  get(id: NodeId): Node | undefined {
    return id === ROOT ? this.root : (this.#index.byId(id) ?? undefined)
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
    return this.#byKey(this.keyOf(this.#stat)) ?? undefined
  }

  /** The node of the file that `stat` is of, where one is known. */
  byStat(stat: MutableStat): Node | undefined {
    const node = this.#byKey(this.keyOf(stat))
    return node !== null && this.#isBorn(node, stat) ? node : undefined
  }

  is(node: Node, stat: MutableStat): boolean {
    return this.keyOf(stat) === (node === this.root ? this.#rootKey : node.key) && this.#isBorn(node, stat)
  }

  /** The node of the file seen as `name` (latin1) in `parent`, minted when it is new. Counts a lookup. */
  found(parent: Node | null, name: string, stat: MutableStat): Node {
    const key = this.keyOf(stat)
    let node = this.#byKey(key)
    if (node === null || !this.#isBorn(node, stat)) {
      node = new Node(this.#nextId++ as NodeId, key, this.#birthOf(stat), stat.mode & S.IFMT)
      this.#index.add(node)
    }
    node.lookups++
    this.#lookups++
    if (parent !== null && node !== this.root) this.place(node, parent, name)
    return node
  }

  /** A name in `directory` was looked up by itself at `now`, milliseconds since the epoch. */
  askedIn(directory: Node, now: number): void {
    const { use } = directory
    if (use === null) return
    if (now - use.askedSince >= knownFor) {
      use.askedSince = now
      use.asked = 0
    }
    use.asked++
  }

  /**
   * Whether a directory's names were just looked up one by one: who lists it now looks for others among them,
   * as `git status` does.
   */
  isWellKnown(directory: Node, now: number): boolean {
    const { use } = directory
    return use !== null && use.asked >= wellKnown && now - use.askedSince < knownFor
  }

  place(node: Node, parent: Node | null, name: string): void {
    const before = node.parent
    if (before !== parent) {
      node.parent = parent
      if (parent !== null) useOf(parent).dependents++
      if (before !== null) this.left(before)
    }
    // An equal string isn't taken: the one that it has lies in the collector's old space already.
    if (node.name !== name) node.name = name
    const { use } = node
    if (parent !== null && use !== null && use.fd >= 0 && use.slot < 0) use.slot = this.#ring.push(node) - 1
  }

  /** Its last name is gone: a descriptor that it has can't be had again, so it is kept. */
  nameless(node: Node, blocks: number): void {
    this.place(node, null, '')
    if (node.use !== null) node.use.large = blocks >= manyBlocks
    this.#leaveRing(node)
  }

  forget(node: Node, count: number): void {
    const given = Math.min(count, node.lookups)
    node.lookups -= given
    this.#lookups -= given
    this.#drop(node)
  }

  opened(node: Node, fd: number, by: Owner | null): void {
    const use = useOf(node)
    if (by !== null && by.uid !== 0) use.user = { uid: by.uid }
    if (use.handles === null) use.handles = [fd]
    else use.handles.push(fd)
  }

  /** A handle's descriptor is about to be closed. */
  closed(node: Node, fd: number): void {
    const { use } = node
    if (use === null || use.handles === null) return
    const at = use.handles.indexOf(fd)
    if (at >= 0) use.handles.splice(at, 1)
    if (use.handles.length === 0) use.handles = use.user = null
    tidy(node)
    this.#drop(node)
  }

  /** A handle on the directory begins to keep it in the table. */
  entered(node: Node): void {
    useOf(node).dependents++
  }

  left(node: Node): void {
    if (node.use !== null) node.use.dependents--
    tidy(node)
    this.#drop(node)
  }

  /** A descriptor to act below or on, kept by the table: good until the next call here. Minus the errno: none. */
  descriptor(node: Node): number {
    const { use } = node
    if (use !== null && use.fd >= 0) {
      use.touched = true
      return use.fd
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

  /**
   * Opens what stands at the node's place, and closes it again (ESTALE) when it isn't the node's file. `stat` gets
   * what was opened.
   */
  openPlace(node: Node, flags: number, stat: MutableStat = this.#stat): number {
    if (node.parent === null) return -errno.ESTALE
    const directory = this.descriptor(node.parent)
    if (directory < 0) return directory
    const fd = openat2(directory, cname(node.name), flags, this.#resolve)
    if (fd < 0) return lost.has(fd) ? -errno.ESTALE : fd
    const result = statInto(fd, '', AT_EMPTY_PATH, stat)
    if (result >= 0 && this.is(node, stat)) return fd
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
    const result = statInto(directory, cname(node.name), AT_SYMLINK_NOFOLLOW | this.statFlags, stat)
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
    const use = useOf(node)
    use.fd = fd
    use.touched = true
    use.slot = this.#ring.push(node) - 1
    this.#held++
  }

  /** Closes every node's descriptor: the root's file system is to be let go. */
  releaseAll(): void {
    for (const node of this.#index) if (node.fd >= 0) this.#letGo(node)
    const root = useOf(this.root)
    if (root.fd >= 0) close(root.fd)
    root.fd = -1
  }

  #byKey(key: number | string): Node | null {
    return key === this.#rootKey ? this.root : this.#index.byKey(key)
  }

  /** Whether the file is the node's, given that its key is. */
  #isBorn(node: Node, stat: MutableStat): boolean {
    if (node === this.root) return true
    return node.type === (stat.mode & S.IFMT) && node.birth === this.#birthOf(stat)
  }

  /** Within one second no two are alike. */
  #birthOf(stat: MutableStat): number {
    return this.#trustsBirth ? Math.imul(stat.btime, 0x9e3779b1) ^ stat.btimeNs : 0
  }

  #drop(from: Node): void {
    let node = from
    while (
      node.lookups === 0 &&
      (node.use === null || (node.use.dependents === 0 && node.use.handles === null)) &&
      node !== this.root &&
      this.#index.byId(node.id) === node
    ) {
      this.#index.delete(node)
      if (node.fd >= 0) this.#letGo(node)
      const { parent } = node
      node.parent = null
      if (parent === null) return
      if (parent.use !== null) parent.use.dependents--
      tidy(parent)
      node = parent
    }
  }

  #letGo(node: Node): void {
    const { use } = node
    if (use === null) return
    if (use.large) this.#closeLarge(use.fd)
    else close(use.fd)
    use.fd = -1
    this.#leaveRing(node)
    this.#held--
    tidy(node)
  }

  #leaveRing(node: Node): void {
    const slot = node.use?.slot ?? -1
    if (node.use === null || slot < 0) return
    const last = this.#ring.pop()
    if (last !== undefined && last !== node) {
      this.#ring[slot] = last
      if (last.use !== null) last.use.slot = slot
    }
    node.use.slot = -1
  }

  #evict(): void {
    for (;;) {
      if (this.#hand >= this.#ring.length) this.#hand = 0
      const node = this.#ring[this.#hand]
      if (node === undefined) return
      const { use } = node
      if (use === null || (!use.touched && !use.pinned)) {
        this.#letGo(node)
        return
      }
      use.touched = false
      this.#hand++
    }
  }
}
