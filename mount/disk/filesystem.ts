/**
 * A disk's tree as a file system: the contract of `filesystem.ts` over system calls.
 *
 * Everything acts on (directory descriptor, name) and follows no link, so nothing leaves the root whoever
 * renames what meanwhile. `.twofold` exists at no level: it isn't found, isn't listed and can't be made. What
 * is mounted inside the root is not there either, unless the disk crosses devices, as at the S3 door.
 *
 * Once a second the root's path is asked whether it still leads to the root; while it doesn't, everything
 * that needs a name or a node answers EIO and no descriptor keeps the root's file system busy.
 *
 * The process's umask must be 0: masks are the caller's business.
 */
import { errno } from '../../lib/sys/errno.ts'
import * as sys from '../../lib/sys/file.ts'
import { accessFd, descriptorPath } from '../../lib/sys/attributes.ts'
import type { CString } from '../../lib/sys/libc.ts'
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_FOLLOW,
  AT_SYMLINK_NOFOLLOW,
  close,
  dup,
  linkat,
  mkdirat,
  mknodat,
  O,
  openat2,
  readlinkat,
  RENAME,
  renameat2,
  RESOLVE,
  symlinkat,
  unlinkat,
} from '../../lib/sys/open.ts'
import { emptyStat, isDirectory, isFile, S, statInto } from '../../lib/sys/stat.ts'
import { statFs, type StatFs } from '../../lib/sys/statfs.ts'
import {
  fgetxattr,
  flistxattr,
  fremovexattr,
  fsetxattr,
  getxattr,
  listxattr,
  removexattr,
  setxattr,
} from '../../lib/sys/xattr.ts'
import { change } from './change.ts'
import type { Credentials } from './credentials.ts'
import { DirectoryStream } from './directory-stream.ts'
import { DiskRoot } from './root.ts'
import type { DiskSource } from './source.ts'
import {
  NO_HANDLE,
  SET,
  type AttributeChanges,
  type Attributes,
  type Caller,
  type DirectorySink,
  type Entry,
  type Filesystem,
  type FilesystemUsage,
  type HandleId,
  type Name,
  type NodeId,
  type Opened,
} from '../filesystem.ts'
import { Handles, type Handle } from './handles.ts'
import { manyBlocks, nameText, type Node, type Nodes } from './nodes.ts'

/** What of open(2)'s flags reaches the host. O_DIRECT doesn't: our buffers aren't aligned as it demands. */
const openFlags = O.ACCMODE | O.APPEND | O.NOATIME | O.SYNC
const HIDDEN = Buffer.from('.twofold\0')
/**
 * Beyond so many nodes, of some 150 bytes each, readdir looks nothing up any more. Names that are asked for still are,
 * at two to three times the price.
 */
const maxListedNodes = 1_000_000

/** Throws SystemError when the root can't be opened, unless it is merely not who it should be: then EIO until it is. */
export function openDiskFilesystem(
  source: DiskSource,
  credentials: Credentials | null,
  closeLarge: (fd: number) => void = close,
): Filesystem {
  return new DiskFilesystem(source, credentials, closeLarge)
}

const isHidden = (name: Uint8Array): boolean => {
  if (name.length !== HIDDEN.length) return false
  for (let at = 0; at < HIDDEN.length; at++) if (name[at] !== HIDDEN[at]) return false
  return true
}

class DiskFilesystem implements Filesystem {
  readonly readOnly: boolean
  readonly #root: DiskRoot
  readonly #closeLarge: (fd: number) => void
  readonly #nodes: Nodes
  readonly #handles = new Handles()
  readonly #credentials: Credentials | null
  readonly #crosses: boolean
  readonly #stat = emptyStat()
  readonly #plain: Entry = { node: 0 as NodeId, attributes: emptyStat() }
  readonly #listed: Entry = { node: 0 as NodeId, attributes: emptyStat() }

  constructor(source: DiskSource, credentials: Credentials | null, closeLarge: (fd: number) => void) {
    this.readOnly = source.readOnly
    this.#credentials = credentials
    this.#crosses = source.crossDevices
    this.#closeLarge = closeLarge
    this.#root = new DiskRoot(source, closeLarge)
    this.#nodes = this.#root.nodes
  }

  // -- names ----------------------------------------------------------------------------------------------

  lookup(parent: NodeId, name: Name, entry: Entry): number {
    const directory = this.#node(parent)
    if (directory === undefined) return this.#missing()
    if (isHidden(name)) return -errno.ENOENT
    const fd = this.#nodes.descriptor(directory)
    if (fd < 0) return fd
    const result = this.#found(directory, fd, name, entry)
    if (result === 0) this.#nodes.askedIn(directory, this.#root.now)
    return result
  }

  forget(node: NodeId, count: number): void {
    const known = this.#nodes.get(node)
    if (known !== undefined && known !== this.#nodes.root) this.#nodes.forget(known, count)
  }

  readlink(id: NodeId, buffer: Uint8Array, start: number, length: number): number {
    const fd = this.#reach(id)
    if (fd < 0) return fd
    const target = readlinkat(fd, '')
    this.#nodes.done(fd)
    if (typeof target === 'number') return target === -errno.ENOENT ? -errno.EINVAL : target
    const cut = target.subarray(0, length)
    buffer.set(cut, start)
    return cut.length
  }

  symlink(parent: NodeId, name: Name, target: CString, caller: Caller | null, entry: Entry): number {
    const fd = this.#parentFor(parent, name)
    if (fd < 0) return fd
    this.#assume(caller)
    const result = symlinkat(target, fd, name)
    this.#revert(caller)
    return result < 0 ? result : this.#made(parent, fd, name, entry)
  }

  mknod(parent: NodeId, name: Name, mode: number, rdev: bigint, caller: Caller | null, entry: Entry): number {
    const fd = this.#parentFor(parent, name)
    if (fd < 0) return fd
    this.#assume(caller)
    const result = mknodat(fd, name, mode, rdev)
    this.#revert(caller)
    return result < 0 ? result : this.#made(parent, fd, name, entry)
  }

  mkdir(parent: NodeId, name: Name, mode: number, caller: Caller | null, entry: Entry): number {
    const fd = this.#parentFor(parent, name)
    if (fd < 0) return fd
    this.#assume(caller)
    const result = mkdirat(fd, name, mode & 0o7777)
    this.#revert(caller)
    return result < 0 ? result : this.#made(parent, fd, name, entry)
  }

  unlink(parent: NodeId, name: Name, caller: Caller | null): number {
    return this.#remove(parent, name, 0, caller)
  }

  rmdir(parent: NodeId, name: Name, caller: Caller | null): number {
    return this.#remove(parent, name, AT_REMOVEDIR, caller)
  }

  rename(
    fromParent: NodeId,
    fromName: Name,
    toParent: NodeId,
    toName: Name,
    flags: number,
    caller: Caller | null,
  ): number {
    if (this.readOnly) return -errno.EROFS
    if ((flags & ~(RENAME.NOREPLACE | RENAME.EXCHANGE)) !== 0) return -errno.EINVAL
    const from = this.#node(fromParent)
    const to = this.#node(toParent)
    if (from === undefined || to === undefined) return this.#missing()
    if (isHidden(fromName)) return -errno.ENOENT
    if (isHidden(toName)) return -errno.EPERM
    from.pinned = to.pinned = true
    const result = this.#rename(from, fromName, to, toName, flags, caller)
    from.pinned = to.pinned = false
    return result
  }

  #rename(from: Node, fromName: Name, to: Node, toName: Name, flags: number, caller: Caller | null): number {
    const fromFd = this.#nodes.descriptor(from)
    if (fromFd < 0) return fromFd
    const toFd = this.#nodes.descriptor(to)
    if (toFd < 0) return toFd
    const exchange = (flags & RENAME.EXCHANGE) !== 0
    // What is replaced lives on while somebody holds it: its descriptor is taken before its name goes.
    const replaced = flags === 0 ? this.#hold(toFd, toName) : undefined
    const { nlink, blocks } = this.#stat
    const swapped = exchange ? this.#known(toFd, toName) : undefined
    const moved = this.#known(fromFd, fromName)
    this.#assume(caller)
    const result = renameat2(fromFd, fromName, toFd, toName, flags)
    this.#revert(caller)
    if (result < 0) return result
    // Two names of one file: rename(2) does nothing then.
    if (replaced !== undefined && replaced !== moved)
      this.#lost(replaced, nlink, blocks, to, nameText(toName))
    if (moved !== undefined && (replaced !== moved || replaced === undefined)) {
      this.#nodes.place(moved, to, nameText(toName))
    }
    if (swapped !== undefined) this.#nodes.place(swapped, from, nameText(fromName))
    return 0
  }

  link(id: NodeId, toParent: NodeId, toName: Name, caller: Caller | null, entry: Entry): number {
    const toFd = this.#parentFor(toParent, toName)
    if (toFd < 0) return toFd
    const to = this.#node(toParent)
    if (to === undefined) return this.#missing()
    to.pinned = true
    const fd = this.#reach(id)
    to.pinned = false
    if (fd < 0) return fd
    this.#assume(caller)
    const result = linkat(AT_FDCWD, descriptorPath(fd), toFd, toName, AT_SYMLINK_FOLLOW)
    this.#revert(caller)
    this.#nodes.done(fd)
    return result < 0 ? result : this.#made(toParent, toFd, toName, entry)
  }

  // -- attributes -----------------------------------------------------------------------------------------

  getattr(id: NodeId, handle: HandleId, attributes: Attributes): number {
    const open = handle === NO_HANDLE ? null : this.#handles.get(handle)
    if (open !== null) return statInto(open.fd, '', AT_EMPTY_PATH, attributes)
    const node = this.#node(id)
    if (node === undefined) return this.#missing()
    return this.#nodes.stat(node, attributes)
  }

  setattr(
    id: NodeId,
    handle: HandleId,
    changes: AttributeChanges,
    caller: Caller | null,
    attributes: Attributes,
  ): number {
    if (this.readOnly) return -errno.EROFS
    const given = handle === NO_HANDLE ? null : this.#handles.get(handle)
    const open = given?.fd ?? this.#readable(id)
    const fd = open >= 0 ? open : this.#reach(id)
    if (fd < 0) return fd
    // Where nothing is named, who may take the set-ID bits away is the host's to say.
    const as = changes.set === SET.MODE || changes.set === 0 ? caller : null
    this.#assume(as)
    let result = change(fd, open >= 0, changes)
    this.#revert(as)
    if (result >= 0) result = statInto(fd, '', AT_EMPTY_PATH, attributes)
    if (open < 0) this.#nodes.done(fd)
    return result
  }

  cut(id: NodeId, handle: HandleId, size: number): number {
    if (this.readOnly) return -errno.EROFS
    const given = handle === NO_HANDLE ? null : this.#handles.get(handle)
    const fd = given?.fd ?? this.#reach(id)
    if (fd < 0) return fd
    const stat = this.#stat
    let result = statInto(fd, '', AT_EMPTY_PATH, stat)
    if (result >= 0) {
      const long = stat.blocks >= manyBlocks && size < stat.size && isFile(stat)
      // Writing takes set-user-ID and set-group-ID away.
      result = long && (stat.mode & 0o6000) === 0 ? dup(fd) : -errno.EINVAL
    }
    if (given === null) this.#nodes.done(fd)
    return result
  }

  access(id: NodeId, mask: number): number {
    if (this.readOnly && (mask & 2) !== 0) return -errno.EROFS
    const fd = this.#reach(id)
    if (fd < 0) return fd
    const result = accessFd(fd, mask)
    this.#nodes.done(fd)
    return result
  }

  statfs(id: NodeId, statfs: StatFs): number {
    const node = this.#node(id)
    if (node === undefined) return this.#missing()
    const fd = this.#nodes.descriptor(node.type === S.IFDIR ? node : (node.parent ?? this.#nodes.root))
    return fd < 0 ? fd : statFs(fd, statfs)
  }

  // -- extended attributes --------------------------------------------------------------------------------

  getxattr(id: NodeId, name: CString, buffer: Uint8Array, start: number, length: number): number {
    const value = length === 0 ? null : buffer.subarray(start, start + length)
    const open = this.#readable(id)
    if (open >= 0) return fgetxattr(open, name, value, length)
    const fd = this.#reach(id)
    if (fd < 0) return fd
    const result = getxattr(descriptorPath(fd), name, value, length)
    this.#nodes.done(fd)
    return result
  }

  listxattr(id: NodeId, buffer: Uint8Array, start: number, length: number): number {
    const names = length === 0 ? null : buffer.subarray(start, start + length)
    const open = this.#readable(id)
    if (open >= 0) return flistxattr(open, names, length)
    const fd = this.#reach(id)
    if (fd < 0) return fd
    const result = listxattr(descriptorPath(fd), names, length)
    this.#nodes.done(fd)
    return result
  }

  setxattr(
    id: NodeId,
    name: CString,
    value: Uint8Array,
    start: number,
    length: number,
    flags: number,
    caller: Caller | null,
  ): number {
    if (this.readOnly) return -errno.EROFS
    const bytes = value.subarray(start, start + length)
    const open = this.#readable(id)
    const fd = open >= 0 ? open : this.#reach(id)
    if (fd < 0) return fd
    // An ACL may take the set-group-ID bit away, and whose call it is decides that.
    const acl = caller !== null && nameText(name).startsWith('system.posix_acl_') ? caller : null
    this.#assume(acl)
    const result =
      open >= 0
        ? fsetxattr(fd, name, bytes, length, flags)
        : setxattr(descriptorPath(fd), name, bytes, length, flags)
    this.#revert(acl)
    if (open < 0) this.#nodes.done(fd)
    return result
  }

  removexattr(id: NodeId, name: CString): number {
    if (this.readOnly) return -errno.EROFS
    const open = this.#readable(id)
    if (open >= 0) return fremovexattr(open, name)
    const fd = this.#reach(id)
    if (fd < 0) return fd
    const result = removexattr(descriptorPath(fd), name)
    this.#nodes.done(fd)
    return result
  }

  // -- files ----------------------------------------------------------------------------------------------

  open(id: NodeId, flags: number, _caller: Caller | null, opened: Opened): number {
    const writes = (flags & O.ACCMODE) !== O.RDONLY || (flags & O.TRUNC) !== 0
    if (this.readOnly && writes) return -errno.EROFS
    const node = this.#node(id)
    if (node === undefined) return this.#missing()
    if (node.type !== S.IFREG) return node.type === S.IFDIR ? -errno.EISDIR : -errno.ENXIO
    // O_NONBLOCK: should a FIFO have taken the name, its opener doesn't wait before we find out.
    const wanted = (flags & openFlags) | O.NONBLOCK | O.NOCTTY
    let fd = this.#nodes.openPlace(node, wanted | O.NOFOLLOW, this.#stat)
    if (fd === -errno.ESTALE) {
      const known = node.fd >= 0 ? node.fd : (node.handles?.[0] ?? -1)
      if (known >= 0) fd = openat2(AT_FDCWD, descriptorPath(known), wanted)
      if (fd >= 0) statInto(fd, '', AT_EMPTY_PATH, this.#stat)
    }
    if (fd < 0) return fd
    if ((flags & O.TRUNC) !== 0) {
      // O_RDONLY | O_TRUNC truncates too.
      const reads = (flags & O.ACCMODE) === O.RDONLY
      const result = reads ? sys.truncate(descriptorPath(fd), 0) : sys.ftruncate(fd, 0)
      if (result < 0) {
        close(fd)
        return result
      }
    }
    opened.handle = this.#opened(node, fd, null, flags)
    opened.mode = this.#stat.mode
    return 0
  }

  create(
    parent: NodeId,
    name: Name,
    flags: number,
    mode: number,
    caller: Caller | null,
    entry: Entry,
    opened: Opened,
  ): number {
    const directory = this.#parentFor(parent, name)
    if (directory < 0) return directory
    const wanted = (flags & (openFlags | O.TRUNC | O.EXCL)) | O.CREAT | O.NOFOLLOW | O.NONBLOCK | O.NOCTTY
    this.#assume(caller)
    // A file may be mounted on the name, which isn't there for us.
    const fd = openat2(directory, name, wanted, this.#crosses ? 0 : RESOLVE.NO_XDEV, mode & 0o7777)
    this.#revert(caller)
    if (fd < 0) return fd === -errno.EXDEV ? -errno.EEXIST : fd
    return this.#openedNew(this.#node(parent) ?? null, nameText(name), fd, flags, entry, opened)
  }

  tmpfile(
    parent: NodeId,
    flags: number,
    mode: number,
    caller: Caller | null,
    entry: Entry,
    opened: Opened,
  ): number {
    if (this.readOnly) return -errno.EROFS
    const node = this.#node(parent)
    if (node === undefined) return this.#missing()
    const directory = this.#nodes.descriptor(node)
    if (directory < 0) return directory
    this.#assume(caller)
    const fd = openat2(
      directory,
      '.',
      (flags & (openFlags | O.EXCL)) | O.TMPFILE | O.NOCTTY,
      0,
      mode & 0o7777,
    )
    this.#revert(caller)
    if (fd < 0) return fd
    return this.#openedNew(null, '', fd, flags, entry, opened)
  }

  read(handle: HandleId, offset: number, buffer: Uint8Array, start: number, length: number): number {
    const open = this.#handles.get(handle)
    if (open === null) return -errno.EBADF
    return sys.pread(open.fd, buffer.subarray(start, start + length), length, offset)
  }

  write(handle: HandleId, offset: number, buffer: Uint8Array, start: number, length: number): number {
    if (this.readOnly) return -errno.EROFS
    const open = this.#handles.get(handle)
    if (open === null) return -errno.EBADF
    return sys.pwrite(open.fd, buffer.subarray(start, start + length), length, offset)
  }

  flush(handle: HandleId): number {
    const open = this.#handles.get(handle)
    if (open === null) return -errno.EBADF
    if (this.#root.closesQuietly) return -errno.ENOSYS
    const copy = dup(open.fd)
    return copy < 0 ? copy : close(copy)
  }

  release(handle: HandleId): void {
    this.#closeHandle(this.#handles.remove(handle))
  }

  fsync(handle: HandleId, dataOnly: boolean): number {
    const open = this.#handles.get(handle)
    if (open === null) return -errno.EBADF
    return dataOnly ? sys.fdatasync(open.fd) : sys.fsync(open.fd)
  }

  fallocate(handle: HandleId, mode: number, offset: number, length: number): number {
    if (this.readOnly) return -errno.EROFS
    const open = this.#handles.get(handle)
    return open === null ? -errno.EBADF : sys.fallocate(open.fd, mode, offset, length)
  }

  lseek(handle: HandleId, offset: number, whence: number): number {
    const open = this.#handles.get(handle)
    return open === null ? -errno.EBADF : sys.lseek(open.fd, offset, whence)
  }

  copyFileRange(
    from: HandleId,
    fromOffset: number,
    to: HandleId,
    toOffset: number,
    length: number,
    flags: number,
  ): number {
    if (this.readOnly) return -errno.EROFS
    const source = this.#handles.get(from)
    const target = this.#handles.get(to)
    if (source === null || target === null) return -errno.EBADF
    return sys.copyFileRange(source.fd, fromOffset, target.fd, toOffset, length, flags)
  }

  // -- directories ----------------------------------------------------------------------------------------

  opendir(id: NodeId, _caller: Caller | null, opened: Opened): number {
    const node = this.#node(id)
    if (node === undefined) return this.#missing()
    if (node.type !== S.IFDIR) return -errno.ENOTDIR
    const path = this.#nodes.descriptor(node)
    if (path < 0) return path
    const fd = openat2(path, '.', O.RDONLY | O.DIRECTORY)
    if (fd < 0) return fd
    opened.handle = this.#opened(node, fd, new DirectoryStream(fd))
    opened.mode = 0
    return 0
  }

  readdir(handle: HandleId, offset: bigint, withNodes: boolean, sink: DirectorySink): number {
    const open = this.#handles.get(handle)
    if (open === null || open.stream === null) return -errno.EBADF
    if (this.#root.offline) return -errno.EIO
    const { stream, node, fd } = open
    const looksUp = withNodes && !this.#nodes.isWellKnown(node, this.#root.now)
    const sought = stream.seek(offset)
    if (sought < 0) return sought
    const plain = withNodes ? this.#plain : null
    const listed = looksUp ? this.#listed : null
    const hides = !this.#crosses && this.#root.holdsMounts
    for (;;) {
      const more = stream.peek()
      if (more <= 0) return more
      const { entry } = stream
      const { bytes, nameStart, nameEnd } = entry
      const length = nameEnd - nameStart
      const dot =
        bytes[nameStart] === 0x2e && (length === 1 || (length === 2 && bytes[nameStart + 1] === 0x2e))
      if (length === 8 && isHidden(bytes.subarray(nameStart, nameEnd + 1))) {
        stream.consume()
        continue
      }
      if (!sink.fits(length)) return 0
      if (dot) {
        sink.add(entry, plain)
      } else if (listed !== null && this.#nodes.count < maxListedNodes) {
        const result = this.#found(node, fd, bytes.subarray(nameStart, nameEnd + 1) as Name, listed)
        if (result === 0) sink.add(entry, listed)
        else if (result !== -errno.ENOENT) sink.add(entry, plain)
      } else if (!hides || this.#isShown(fd, bytes.subarray(nameStart, nameEnd + 1) as Name)) {
        sink.add(entry, plain)
      }
      stream.consume()
    }
  }

  releasedir(handle: HandleId): void {
    this.#closeHandle(this.#handles.remove(handle))
  }

  fsyncdir(handle: HandleId, dataOnly: boolean): number {
    return this.fsync(handle, dataOnly)
  }

  // -- the whole ------------------------------------------------------------------------------------------

  openRoot(): number {
    if (this.#node(this.#nodes.root.id) === undefined) return -errno.EIO
    const path = this.#nodes.descriptor(this.#nodes.root)
    if (path < 0) return path
    return openat2(path, '.', O.RDONLY | O.DIRECTORY)
  }

  descriptor(handle: HandleId): number {
    return this.#handles.get(handle)?.fd ?? -errno.EBADF
  }

  appends(handle: HandleId): boolean {
    return this.#handles.get(handle)?.appends ?? false
  }

  nodeOf(dev: bigint, ino: bigint): NodeId | 0 {
    return this.#nodes.byInode(dev, ino)?.id ?? 0
  }

  usage(): FilesystemUsage {
    return {
      nodes: this.#nodes.count,
      lookups: this.#nodes.lookups,
      handles: this.#handles.count,
      descriptors: this.#nodes.descriptors,
    }
  }

  close(): void {
    this.#handles.close()
    this.#root.close()
  }

  // -- within ---------------------------------------------------------------------------------------------

  #node(id: NodeId): Node | undefined {
    return this.#root.offline ? undefined : this.#nodes.get(id)
  }

  #missing(): number {
    return this.#root.offline ? -errno.EIO : -errno.ESTALE
  }

  #reach(id: NodeId): number {
    const node = this.#node(id)
    return node === undefined ? this.#missing() : this.#nodes.reach(node)
  }

  /** A descriptor of the node that is more than a path, or -1: what f…xattr wants. */
  #readable(id: NodeId): number {
    return this.#nodes.get(id)?.handles?.[0] ?? -1
  }

  /** The descriptor of a directory in which `name` is about to be made. */
  #parentFor(parent: NodeId, name: Name): number {
    if (this.readOnly) return -errno.EROFS
    const directory = this.#node(parent)
    if (directory === undefined) return this.#missing()
    if (isHidden(name)) return -errno.EPERM
    return this.#nodes.descriptor(directory)
  }

  #found(directory: Node, fd: number, name: Name, entry: Entry): number {
    const result = statInto(fd, name, AT_SYMLINK_NOFOLLOW, entry.attributes)
    if (result < 0) return result
    if (!this.#crosses && entry.attributes.mntId !== this.#nodes.rootStat.mntId) return -errno.ENOENT
    entry.node = this.#nodes.found(directory, nameText(name), entry.attributes).id
    return 0
  }

  #isShown(fd: number, name: Name): boolean {
    const result = statInto(fd, name, AT_SYMLINK_NOFOLLOW, this.#stat)
    return result < 0 || this.#stat.mntId === this.#nodes.rootStat.mntId
  }

  #made(parent: NodeId, fd: number, name: Name, entry: Entry): number {
    const directory = this.#node(parent)
    return directory === undefined ? this.#missing() : this.#found(directory, fd, name, entry)
  }

  #opened(node: Node, fd: number, stream: DirectoryStream | null, flags = 0): HandleId {
    // A directory's handle isn't where its node is reached through: the table has a descriptor for that.
    if (stream === null) this.#nodes.opened(node, fd)
    else this.#nodes.entered(node)
    return this.#handles.add({ fd, node, stream, appends: (flags & O.APPEND) !== 0 })
  }

  #openedNew(
    parent: Node | null,
    name: string,
    fd: number,
    flags: number,
    entry: Entry,
    opened: Opened,
  ): number {
    const result = statInto(fd, '', AT_EMPTY_PATH, entry.attributes)
    if (result < 0 || !isFile(entry.attributes)) {
      close(fd)
      return result < 0 ? result : isDirectory(entry.attributes) ? -errno.EISDIR : -errno.ENXIO
    }
    const node = this.#nodes.found(parent, name, entry.attributes)
    entry.node = node.id
    opened.handle = this.#opened(node, fd, null, flags)
    opened.mode = entry.attributes.mode
    return 0
  }

  #closeHandle(open: Handle | null): void {
    if (open === null) return
    open.stream?.release()
    const { node, fd, stream } = open
    // It may have grown since it lost its name, or have never had one.
    if (stream === null && node.parent === null && statInto(fd, '', AT_EMPTY_PATH, this.#stat) === 0) {
      if (this.#stat.nlink === 0) this.#nodes.nameless(node, this.#stat.blocks)
    }
    const large = node.use?.large === true
    if (stream === null) this.#nodes.closed(node, fd)
    else this.#nodes.left(node)
    if (large) this.#closeLarge(fd)
    else close(fd)
  }

  /** The node that `name` stands for, where one is known. */
  #known(fd: number, name: Name): Node | undefined {
    const result = statInto(fd, name, AT_SYMLINK_NOFOLLOW, this.#stat)
    return result < 0 ? undefined : this.#nodes.byStat(this.#stat)
  }

  /** As #known, with a descriptor that outlives the name. What it is, links included, is in #stat then. */
  #hold(fd: number, name: Name): Node | undefined {
    const held = openat2(fd, name, O.PATH | O.NOFOLLOW)
    if (held < 0) return undefined
    const result = statInto(held, '', AT_EMPTY_PATH, this.#stat)
    const node = result < 0 ? undefined : this.#nodes.byStat(this.#stat)
    if (node === undefined) close(held)
    else this.#nodes.keep(node, held)
    return node
  }

  /** The node's file, which had `links` and `blocks`, is no longer called so. */
  #lost(node: Node, links: number, blocks: number, parent: Node, name: string): void {
    const last = links === 1 || node.type === S.IFDIR
    if (last || this.#nodes.stat(node, this.#stat) < 0 || this.#stat.nlink === 0) {
      this.#nodes.nameless(node, blocks)
    } else if (node.parent === parent && node.name === name) {
      this.#nodes.place(node, null, '')
    }
  }

  #remove(parent: NodeId, name: Name, flags: number, caller: Caller | null): number {
    if (this.readOnly) return -errno.EROFS
    const directory = this.#node(parent)
    if (directory === undefined) return this.#missing()
    if (isHidden(name)) return -errno.ENOENT
    const fd = this.#nodes.descriptor(directory)
    if (fd < 0) return fd
    directory.pinned = true
    const node = this.#hold(fd, name)
    directory.pinned = false
    const { nlink, blocks } = this.#stat
    this.#assume(caller)
    const result = unlinkat(fd, name, flags)
    this.#revert(caller)
    if (result >= 0 && node !== undefined) this.#lost(node, nlink, blocks, directory, nameText(name))
    return result
  }

  #assume(caller: Caller | null): void {
    if (caller !== null) this.#credentials?.assume(caller)
  }

  #revert(caller: Caller | null): void {
    if (caller !== null) this.#credentials?.revert()
  }
}
