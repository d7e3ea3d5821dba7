/**
 * The contract between a FUSE engine and what it shows. Synchronous, by node.
 *
 * Every operation answers as the kernel does: 0 or a count, or minus an errno; none throws for what a file
 * system says. Operations that answer with attributes fill an object of the caller, and bytes go to and
 * from buffers of the caller, so that an engine can keep one of each and a request allocates nothing.
 *
 * Nodes. An operation that fills an `Entry` (lookup, create, tmpfile, mknod, mkdir, symlink, link, and readdir
 * with nodes) has counted one lookup on `entry.node` when it answers 0, and none otherwise. The engine gives the
 * counts back through `forget`. A node id is never reused; a file that is deleted and another that gets its
 * inode number are two nodes. The root is ROOT, it needs no lookup and is never forgotten.
 *
 * Handles come from open, create, tmpfile and opendir, and live until release or releasedir. Their numbers are
 * reused after that. A node may be gone from its directory, or forgotten, while a handle on it is open.
 *
 * Callers. `caller` says on whose behalf an operation acts; null where the engine doesn't know. Permission is
 * not judged here: the kernel does it (default_permissions) with the attributes that we answer. The caller
 * decides whose a new file is.
 */
import type { CString } from '../lib/sys/libc.ts'
import type { MutableStat } from '../lib/sys/stat.ts'
import type { StatFs } from '../lib/sys/statfs.ts'

/** Minted by the file system, from 1; counted by lookup and forget; never reused while it is mounted. */
export type NodeId = number & { readonly brand: 'NodeId' }

/** Minted by open, create, tmpfile and opendir, from 1; reused after its release. */
export type HandleId = number & { readonly brand: 'HandleId' }

export const ROOT = 1 as NodeId

/** Where a handle may stand and there is none. */
export const NO_HANDLE = 0 as HandleId

/**
 * One name in a directory, as bytes that end in a NUL and hold no other, nor a `/`. A view of the engine's
 * request buffer will do: nobody keeps it. `nameAt` makes one without a copy.
 */
export type Name = CString

/** The name that begins at `start` of `bytes` and whose NUL is at `end`. */
export const nameAt = (bytes: Uint8Array, start: number, end: number): Name =>
  bytes.subarray(start, end + 1) as Name

/** On whose behalf. Engines reuse one object; nobody keeps it. */
export interface Caller {
  uid: number
  gid: number
  /** The thread that asks, as seen from our pid namespace; 0 where it isn't in it. */
  pid: number
  /** Applied to the mode of what is made, unless the directory has a default ACL. */
  umask: number
  /** Supplementary groups; null: not known. */
  groups: readonly number[] | null
}

/** A user, as the host numbers them. */
export interface Owner {
  readonly uid: number
}

/** Attributes as statx gives them; `size` up to 2^53, `ino` a u64. Filled by the file system. */
export type Attributes = MutableStat

/** What a lookup answers. */
export interface Entry {
  node: NodeId
  readonly attributes: Attributes
}

/** Bits of `AttributeChanges.set`: which of the changes are meant (linux/fuse.h has them as FATTR_*, other values). */
export const SET = {
  MODE: 1 << 0,
  UID: 1 << 1,
  GID: 1 << 2,
  SIZE: 1 << 3,
  /** To `atime`, `atimeNs`. */
  ATIME: 1 << 4,
  MTIME: 1 << 5,
  /** To the host's clock (UTIME_NOW); wins over ATIME. What neither names is left (UTIME_OMIT). */
  ATIME_NOW: 1 << 6,
  MTIME_NOW: 1 << 7,
  /** Clear set-user-ID and set-group-ID as a write by an unprivileged user does (FATTR_KILL_SUIDGID). */
  KILL_SUIDGID: 1 << 8,
} as const

/** Engines reuse one object. Only what `set` names is read. */
export interface AttributeChanges {
  set: number
  /** Permission bits, 07777. */
  mode: number
  uid: number
  gid: number
  size: number
  /** Seconds since the epoch, negative ones too, and nanoseconds 0 to 999,999,999. */
  atime: number
  atimeNs: number
  mtime: number
  mtimeNs: number
}

export const noChanges = (): AttributeChanges => ({
  set: 0,
  mode: 0,
  uid: 0,
  gid: 0,
  size: 0,
  atime: 0,
  atimeNs: 0,
  mtime: 0,
  mtimeNs: 0,
})

/** What open, create and tmpfile answer beside their handle. Engines reuse one object. */
export interface Opened {
  handle: HandleId
  /** The file's mode, type included, when it was opened. 0 for directories. */
  mode: number
}

/**
 * One directory entry, as the host's getdents64 wrote it: u64 ino, s64 offset, u16 length, u8 type, name, NUL,
 * all of it in `bytes` from `at`, so that an engine copies ino and offset without parsing them.
 * Valid during `DirectorySink.add` only.
 */
export interface DirectoryEntry {
  bytes: Uint8Array
  at: number
  /** The name without its NUL is bytes[nameStart, nameEnd). */
  nameStart: number
  nameEnd: number
  /** DT_* of dirent.h. */
  type: number
}

/** Where readdir puts entries. */
export interface DirectorySink {
  /** Whether an entry whose name has `length` bytes still fits. No entry is looked up before it said so. */
  fits(length: number): boolean
  /** `entry` is given when nodes were asked for; its node is 0 when this one was not looked up (`.`, `..`, …). */
  add(directoryEntry: DirectoryEntry, entry: Entry | null): void
}

/** Names: looking up and forgetting, making, removing and renaming. */
export interface NameOperations {
  /** stat(2), open(2), anything that walks a path. -ENOENT: no such name. Counts one lookup. */
  lookup(parent: NodeId, name: Name, entry: Entry): number
  /** The kernel drops a node from its cache: gives `count` lookups back. Unknown nodes are ignored. */
  forget(node: NodeId, count: number): void
  /** mknod(2), mkfifo(3), bind(2) of a unix socket. `mode` holds type and permissions; `rdev` as makedev(3) packs it. */
  mknod(parent: NodeId, name: Name, mode: number, rdev: bigint, caller: Caller | null, entry: Entry): number
  mkdir(parent: NodeId, name: Name, mode: number, caller: Caller | null, entry: Entry): number
  /** unlink(2). Handles that are open on the file keep it alive. */
  unlink(parent: NodeId, name: Name, caller: Caller | null): number
  rmdir(parent: NodeId, name: Name, caller: Caller | null): number
  /** rename(2), renameat2(2). `flags`: RENAME of lib/sys/open.ts. Nodes below a moved directory stay what they are. */
  rename(
    fromParent: NodeId,
    fromName: Name,
    toParent: NodeId,
    toName: Name,
    flags: number,
    caller: Caller | null,
  ): number
}

/** Symbolic and hard links. */
export interface LinkOperations {
  /** readlink(2): the target's length; its bytes go to buffer[start, start + length), cut off there. */
  readlink(node: NodeId, buffer: Uint8Array, start: number, length: number): number
  symlink(parent: NodeId, name: Name, target: CString, caller: Caller | null, entry: Entry): number
  /** link(2). `entry` is the node that was linked, with its new link count; counts one lookup. */
  link(node: NodeId, toParent: NodeId, toName: Name, caller: Caller | null, entry: Entry): number
}

/** Attributes, and what the whole file system has. */
export interface AttributeOperations {
  /** stat(2), fstat(2). Through `handle` when it isn't NO_HANDLE, which is what open but unlinked files need. */
  getattr(node: NodeId, handle: HandleId, attributes: Attributes): number
  /** chmod, chown, truncate, utimensat and their f-variants; all changes of one call, in the order of the SET bits. */
  setattr(
    node: NodeId,
    handle: HandleId,
    changes: AttributeChanges,
    caller: Caller | null,
    attributes: Attributes,
  ): number
  /**
   * Before truncate(2) of a file to `size`: a descriptor of it, the caller's to close, when that may take long and
   * does nothing besides; else minus an errno, and setattr is to be asked.
   */
  cut(node: NodeId, handle: HandleId, size: number): number
  /** access(2) by the daemon's own rights, for engines without default_permissions. `mask`: R_OK 4, W_OK 2, X_OK 1. */
  access(node: NodeId, mask: number, caller: Caller | null): number
  /** statvfs(3), df(1). */
  statfs(node: NodeId, statfs: StatFs): number
}

/** Extended attributes. */
export interface ExtendedAttributeOperations {
  /** The value's length; `length` 0 asks for it alone. -ENODATA: none. -ERANGE: `length` is too small. */
  getxattr(node: NodeId, name: CString, buffer: Uint8Array, start: number, length: number): number
  /** The length of all names, a NUL after each. `length` 0 asks for it alone. */
  listxattr(node: NodeId, buffer: Uint8Array, start: number, length: number): number
  /** `flags`: XATTR_CREATE 1, XATTR_REPLACE 2. */
  setxattr(
    node: NodeId,
    name: CString,
    value: Uint8Array,
    start: number,
    length: number,
    flags: number,
    caller: Caller | null,
  ): number
  removexattr(node: NodeId, name: CString, caller: Caller | null): number
}

/** Opening and closing files. */
export interface FileOperations {
  /** `flags`: O_* of open(2) as the program gave them, O_TRUNC acted upon; O_CREAT, O_EXCL and O_DIRECT are ignored. */
  open(node: NodeId, flags: number, caller: Caller | null, opened: Opened): number
  /** open(2) with O_CREAT where lookup said ENOENT. Without O_EXCL a file that came meanwhile is opened. */
  create(
    parent: NodeId,
    name: Name,
    flags: number,
    mode: number,
    caller: Caller | null,
    entry: Entry,
    opened: Opened,
  ): number
  /** open(2) with O_TMPFILE; -EOPNOTSUPP where the host's file system has none. Counts one lookup. */
  tmpfile(
    parent: NodeId,
    flags: number,
    mode: number,
    caller: Caller | null,
    entry: Entry,
    opened: Opened,
  ): number
  /**
   * close(2) of one descriptor; several may share the handle. Says what the host says of late write errors; -ENOSYS
   * where it never has any, so that nobody needs to ask again.
   */
  flush(handle: HandleId): number
  /** The last close. Always succeeds. */
  release(handle: HandleId): void
}

/** What is behind a handle: its bytes, and getting them to the disk. */
export interface DataOperations {
  /** pread(2) into buffer[start, start + length): the bytes read, fewer only at the end of the file. */
  read(handle: HandleId, offset: number, buffer: Uint8Array, start: number, length: number): number
  /** pwrite(2) of buffer[start, start + length): the bytes written. */
  write(handle: HandleId, offset: number, buffer: Uint8Array, start: number, length: number): number
  /** fsync(2), or fdatasync(2) with `dataOnly`. */
  fsync(handle: HandleId, dataOnly: boolean): number
  fsyncdir(handle: HandleId, dataOnly: boolean): number
  /** fallocate(2), its modes too. */
  fallocate(handle: HandleId, mode: number, offset: number, length: number): number
  /** lseek(2) with SEEK_DATA (3) or SEEK_HOLE (4): the offset. -ENXIO: past the end. */
  lseek(handle: HandleId, offset: number, whence: number): number
  /** copy_file_range(2): the bytes copied, shared by reflink where the host can. */
  copyFileRange(
    from: HandleId,
    fromOffset: number,
    to: HandleId,
    toOffset: number,
    length: number,
    flags: number,
  ): number
}

/** Open directories. */
export interface DirectoryOperations {
  opendir(node: NodeId, caller: Caller | null, opened: Opened): number
  /**
   * Entries from `offset` on (0, or the offset of an entry that was given out: it stays valid as the host's
   * file system keeps it) until the sink is full or the directory ends; 0 in both cases. `withNodes` looks
   * entries up and counts them, unless that is likely to be for nothing: those have node 0.
   */
  readdir(handle: HandleId, offset: bigint, withNodes: boolean, sink: DirectorySink): number
  releasedir(handle: HandleId): void
}

export interface Filesystem
  extends
    NameOperations,
    LinkOperations,
    AttributeOperations,
    ExtendedAttributeOperations,
    FileOperations,
    DataOperations,
    DirectoryOperations {
  /** Whether writes are refused with EROFS, whatever the engine's own mount flags say. */
  readonly readOnly: boolean
  /** Whether the root's file system is frozen, as far as that can be seen: whoever changes something waits until it thaws. */
  isFrozen(): boolean
  /** Whether the node's file has no name that is known, so that its last descriptor's end may be the file's. */
  isNameless(node: NodeId): boolean
  /** A descriptor of the root, for syncfs(2): the caller's to close. Minus the errno: none. */
  openRoot(): number
  /**
   * The host's descriptor behind a handle, for passthrough; minus the errno for none. It belongs to the handle.
   * Passing a file through is right only for regular files.
   */
  descriptor(handle: HandleId): number
  /** Who opened the handle's file, of those who aren't root where there are such: within whose limits a mapping is written. */
  writer(handle: HandleId): Owner
  /** Whether what is written by that descriptor goes to the end, wherever it is meant for. */
  appends(handle: HandleId): boolean
  /** The node that a host (device, inode) is known by, for invalidation from outside; 0 where none is. */
  nodeOf(dev: bigint, ino: bigint): NodeId | 0
  /** The node that a name leads to now, without a lookup that would count; 0 where none is known. */
  nodeAt(parent: NodeId, name: Name): NodeId | 0
  /** How much is held. All but `descriptors` of a quiet file system return to zero after forget and release. */
  usage(): FilesystemUsage
  /** Closes every descriptor. No operation may follow. */
  close(): void
}

export interface FilesystemUsage {
  /** Nodes but for the root. */
  readonly nodes: number
  /** Lookups not yet given back. */
  readonly lookups: number
  readonly handles: number
  /** How often one more was refused, to whoever had his share. */
  readonly refusedHandles: number
  /** Descriptors of nodes that are kept open, beside one a handle. */
  readonly descriptors: number
}
