/**
 * libfuse's operations by path, carried out on the file system by node. Named after the methods by which
 * fuse-native dispatches (`_op_NAME`): each gets the raw arguments and answers through `signal(result, …)`.
 *
 * A file that is unlinked or replaced while it is open is renamed by libfuse to `.fuse_hiddenXXXXXXXXXXXXXXXX`
 * and removed at its last close. That name would be seen by the host and by S3, so it is never made: the file is
 * unlinked at once, and the name leads, for libfuse alone, to the node that is still open.
 */
import { O } from '../../lib/sys/open.ts'
import { emptyStat, S, type MutableStat } from '../../lib/sys/stat.ts'
import { emptyStatFs } from '../../lib/sys/statfs.ts'
import {
  NO_HANDLE,
  SET,
  noChanges,
  type AttributeChanges,
  type DirectorySink,
  type Entry,
  type Filesystem,
  type HandleId,
  type NodeId,
  type Opened,
} from '../filesystem.ts'
import { nameOf, PathWalk } from './path-walk.ts'

export type Signal = (result: number, ...more: unknown[]) => void

const two32 = 2 ** 32
const wide = (low: number, high: number): number => low + high * two32

export class NativeOperations {
  readonly #filesystem: Filesystem
  readonly #walk: PathWalk
  readonly #hidden = new Map<string, NodeId>()
  readonly #entry: Entry = { node: 0 as NodeId, attributes: emptyStat() }
  readonly #opened: Opened = { handle: NO_HANDLE, mode: 0 }
  readonly #stat = emptyStat()
  readonly #statfs = emptyStatFs()
  readonly #changes = noChanges()

  constructor(filesystem: Filesystem) {
    this.#filesystem = filesystem
    this.#walk = new PathWalk(filesystem)
  }

  getattr(signal: Signal, path: string): void {
    const result = this.#find(path)
    // The lookup has filled the attributes of all but the root and hidden files.
    const { node, attributes } = this.#entry
    const known = result < 0 || (path !== '/' && !this.#hidden.has(path))
    const outcome = known ? result : this.#filesystem.getattr(node, NO_HANDLE, attributes)
    if (result === 0) this.#release(path)
    // libfuse takes off the link that its own name would be.
    if (this.#hidden.has(path)) attributes.nlink++
    signal(outcome, statArray(outcome < 0 ? null : attributes))
  }

  fgetattr(signal: Signal, path: string, handle: HandleId): void {
    const result = this.#filesystem.getattr(0 as NodeId, handle, this.#stat)
    if (this.#hidden.has(path)) this.#stat.nlink++
    signal(result, statArray(result < 0 ? null : this.#stat))
  }

  statfs(signal: Signal, path: string): void {
    const { statfs } = { statfs: this.#statfs }
    const result = this.#on(path, (node) => this.#filesystem.statfs(node, statfs))
    // Counts are of 32 bits here: larger units keep a large file system's size right.
    let scale = 1
    while (statfs.blocks / scale >= two32) scale *= 2
    const ints = new Uint32Array(11)
    ints.set([
      statfs.bsize,
      statfs.frsize * scale,
      Math.floor(statfs.blocks / scale),
      Math.floor(statfs.bfree / scale),
      Math.floor(statfs.bavail / scale),
      Math.min(statfs.files, two32 - 1),
      Math.min(statfs.ffree, two32 - 1),
      Math.min(statfs.ffree, two32 - 1),
      0,
      statfs.flags,
      statfs.namelen,
    ])
    signal(result, ints)
  }

  readlink(signal: Signal, path: string): void {
    const target = Buffer.alloc(4096)
    const result = this.#on(path, (node) => this.#filesystem.readlink(node, target, 0, target.length))
    signal(Math.min(result, 0), result < 0 ? '' : target.toString('utf8', 0, result))
  }

  readdir(signal: Signal, path: string): void {
    const names: string[] = []
    const sink: DirectorySink = {
      fits: () => true,
      add: ({ bytes, nameStart, nameEnd }) => {
        const name = Buffer.from(bytes.buffer, bytes.byteOffset + nameStart, nameEnd - nameStart)
        const text = name.toString()
        // A name that is not UTF-8 can't be asked for through this engine: it isn't shown.
        if (!text.includes('\ufffd') || Buffer.from(text).equals(name)) names.push(text)
      },
    }
    const result = this.#on(path, (node) => {
      const opened = this.#filesystem.opendir(node, null, this.#opened)
      if (opened < 0) return opened
      const { handle } = this.#opened
      const read = this.#filesystem.readdir(handle, 0n, false, sink)
      this.#filesystem.releasedir(handle)
      return read
    })
    signal(result, result < 0 ? [] : names, [])
  }

  mknod(signal: Signal, path: string, mode: number, device: number): void {
    signal(
      this.#make(path, (parent, name) =>
        this.#filesystem.mknod(parent, name, mode, BigInt(device), null, this.#entry),
      ),
    )
  }

  mkdir(signal: Signal, path: string, mode: number): void {
    signal(this.#make(path, (parent, name) => this.#filesystem.mkdir(parent, name, mode, null, this.#entry)))
  }

  symlink(signal: Signal, target: string, path: string): void {
    signal(
      this.#make(path, (parent, name) =>
        this.#filesystem.symlink(parent, name, nameOf(target), null, this.#entry),
      ),
    )
  }

  link(signal: Signal, from: string, to: string): void {
    const result = this.#find(from)
    if (result < 0) return signal(result)
    const { node } = this.#entry
    const linked = this.#make(to, (parent, name) =>
      this.#filesystem.link(node, parent, name, null, this.#entry),
    )
    if (!this.#hidden.has(from)) this.#filesystem.forget(node, 1)
    signal(linked)
  }

  unlink(signal: Signal, path: string): void {
    const hidden = this.#hidden.get(path)
    if (hidden === undefined)
      return signal(this.#at(path, (parent, name) => this.#filesystem.unlink(parent, name, null)))
    this.#hidden.delete(path)
    this.#filesystem.forget(hidden, 1)
    signal(0)
  }

  rmdir(signal: Signal, path: string): void {
    signal(this.#at(path, (parent, name) => this.#filesystem.rmdir(parent, name, null)))
  }

  rename(signal: Signal, from: string, to: string): void {
    if (/\/\.fuse_hidden[0-9a-f]{16}$/.test(to)) return signal(this.#hide(from, to))
    const result = this.#at(from, (fromParent, fromName) =>
      this.#at(to, (toParent, toName) =>
        this.#filesystem.rename(fromParent, fromName, toParent, toName, 0, null),
      ),
    )
    signal(result)
  }

  chmod(signal: Signal, path: string, mode: number): void {
    signal(this.#change(path, NO_HANDLE, { ...this.#changes, set: SET.MODE, mode }))
  }

  chown(signal: Signal, path: string, uid: number, gid: number): void {
    const set = (uid === 0xffffffff ? 0 : SET.UID) | (gid === 0xffffffff ? 0 : SET.GID)
    signal(this.#change(path, NO_HANDLE, { ...this.#changes, set, uid, gid }))
  }

  truncate(signal: Signal, path: string, low: number, high: number): void {
    signal(this.#change(path, NO_HANDLE, { ...this.#changes, set: SET.SIZE, size: wide(low, high) }))
  }

  ftruncate(signal: Signal, path: string, handle: HandleId, low: number, high: number): void {
    signal(this.#change(path, handle, { ...this.#changes, set: SET.SIZE, size: wide(low, high) }))
  }

  /** The times are milliseconds, and the package passes the access time for both. */
  utimens(signal: Signal, path: string, aLow: number, aHigh: number, mLow: number, mHigh: number): void {
    const [atime, mtime] = [wide(aLow, aHigh), wide(mLow, mHigh)]
    signal(
      this.#change(path, NO_HANDLE, {
        ...this.#changes,
        set: SET.ATIME | SET.MTIME,
        atime: Math.floor(atime / 1000),
        atimeNs: (atime % 1000) * 1e6,
        mtime: Math.floor(mtime / 1000),
        mtimeNs: (mtime % 1000) * 1e6,
      }),
    )
  }

  open(signal: Signal, path: string, flags: number): void {
    const result = this.#on(path, (node) => this.#filesystem.open(node, flags, null, this.#opened))
    signal(result, result < 0 ? 0 : this.#opened.handle)
  }

  /** The package doesn't pass the flags. O_EXCL costs little when O_CREAT came without, and saves a lock file. */
  create(signal: Signal, path: string, mode: number): void {
    const flags = O.RDWR | O.CREAT | O.EXCL
    const result = this.#make(path, (parent, name) =>
      this.#filesystem.create(parent, name, flags, mode, null, this.#entry, this.#opened),
    )
    signal(result, result < 0 ? 0 : this.#opened.handle)
  }

  read(
    signal: Signal,
    _path: string,
    handle: HandleId,
    buffer: Uint8Array,
    length: number,
    low: number,
    high: number,
  ): void {
    signal(this.#filesystem.read(handle, wide(low, high), buffer, 0, length), 0, buffer.buffer)
  }

  write(
    signal: Signal,
    _path: string,
    handle: HandleId,
    buffer: Uint8Array,
    length: number,
    low: number,
    high: number,
  ): void {
    signal(this.#filesystem.write(handle, wide(low, high), buffer, 0, length), 0, buffer.buffer)
  }

  flush(signal: Signal, _path: string, handle: HandleId): void {
    signal(this.#filesystem.flush(handle))
  }

  release(signal: Signal, _path: string, handle: HandleId): void {
    this.#filesystem.release(handle)
    signal(0)
  }

  fsync(signal: Signal, _path: string, dataOnly: number, handle: HandleId): void {
    signal(this.#filesystem.fsync(handle, dataOnly !== 0))
  }

  fsyncdir(signal: Signal, path: string): void {
    const result = this.#on(path, (node) => {
      const opened = this.#filesystem.opendir(node, null, this.#opened)
      if (opened < 0) return opened
      const { handle } = this.#opened
      const synced = this.#filesystem.fsyncdir(handle, false)
      this.#filesystem.releasedir(handle)
      return synced
    })
    signal(result)
  }

  getxattr(signal: Signal, path: string, name: string, value: Uint8Array): void {
    const key = nameOf(name)
    signal(
      this.#on(path, (node) => this.#filesystem.getxattr(node, key, value, 0, value.length)),
      value.buffer,
    )
  }

  listxattr(signal: Signal, path: string, names: Uint8Array): void {
    signal(
      this.#on(path, (node) => this.#filesystem.listxattr(node, names, 0, names.length)),
      names.buffer,
    )
  }

  setxattr(
    signal: Signal,
    path: string,
    name: string,
    value: Uint8Array,
    _position: number,
    flags: number,
  ): void {
    const key = nameOf(name)
    signal(
      this.#on(path, (node) => this.#filesystem.setxattr(node, key, value, 0, value.length, flags, null)),
      value.buffer,
    )
  }

  removexattr(signal: Signal, path: string, name: string): void {
    const key = nameOf(name)
    signal(this.#on(path, (node) => this.#filesystem.removexattr(node, key, null)))
  }

  /** Gives back what is kept between requests. */
  close(): void {
    this.#walk.forgetAll()
  }

  #find(path: string): number {
    const hidden = this.#hidden.get(path)
    if (hidden === undefined) return this.#walk.find(path, this.#entry)
    this.#entry.node = hidden
    return 0
  }

  #release(path: string): void {
    if (!this.#hidden.has(path)) this.#walk.release(this.#entry)
  }

  /** Does something with the node of `path`. */
  #on(path: string, act: (node: NodeId) => number): number {
    const found = this.#find(path)
    if (found < 0) return found
    const result = act(this.#entry.node)
    this.#release(path)
    return result
  }

  /** Does something with (parent, name) of `path`. */
  #at(path: string, act: (parent: NodeId, name: ReturnType<typeof nameOf>) => number): number {
    const end = path.lastIndexOf('/')
    const parent = this.#walk.directory(path, end)
    return parent < 0 ? parent : act(parent as NodeId, nameOf(path.slice(end + 1)))
  }

  /** As #at, for what fills the entry and counts a lookup that nobody needs. */
  #make(path: string, act: (parent: NodeId, name: ReturnType<typeof nameOf>) => number): number {
    const result = this.#at(path, act)
    if (result >= 0) this.#walk.release(this.#entry)
    return result
  }

  #change(path: string, handle: HandleId, changes: AttributeChanges): number {
    if (handle !== NO_HANDLE) {
      return this.#filesystem.setattr(0 as NodeId, handle, changes, null, this.#stat)
    }
    return this.#on(path, (node) => this.#filesystem.setattr(node, NO_HANDLE, changes, null, this.#stat))
  }

  #hide(from: string, to: string): number {
    const found = this.#find(from)
    if (found < 0) return found
    const { node } = this.#entry
    const result = this.#at(from, (parent, name) => this.#filesystem.unlink(parent, name, null))
    if (result < 0) this.#walk.release(this.#entry)
    else this.#hidden.set(to, node)
    return result
  }
}

/** struct stat as fuse-native wants it: 32-bit numbers, times in milliseconds. */
function statArray(stat: MutableStat | null): Uint32Array {
  const ints = new Uint32Array(18)
  if (stat === null) return ints
  const put = (at: number, value: number) => {
    ints[at] = value % two32
    ints[at + 1] = Math.floor(value / two32)
  }
  const milliseconds = (seconds: number, nanoseconds: number) =>
    Math.max(0, seconds * 1000 + Math.floor(nanoseconds / 1e6))
  ints[0] = stat.mode
  ints[1] = stat.uid
  ints[2] = stat.gid
  put(3, stat.size)
  ints[6] = stat.nlink
  ints[7] = Number(stat.ino & 0xffffffffn)
  ints[8] =
    (stat.mode & S.IFMT) === S.IFCHR || (stat.mode & S.IFMT) === S.IFBLK ? Number(stat.rdev & 0xffffffffn) : 0
  ints[9] = stat.blksize
  put(10, stat.blocks)
  put(12, milliseconds(stat.atime, stat.atimeNs))
  put(14, milliseconds(stat.mtime, stat.mtimeNs))
  put(16, milliseconds(stat.ctime, stat.ctimeNs))
  return ints
}
