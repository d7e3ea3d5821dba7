/**
 * What an engine is: something that speaks FUSE and shows a disk at a mount point.
 *
 * An engine is given a description of the disk, not a file system, because it may run its file system in
 * threads of its own: JavaScript objects don't cross them, a description does.
 */
import type { MountIdentity } from '../lib/standing-mount.ts'
import type { DiskSource } from './disk/source.ts'

export type EngineName = 'kernel' | 'fuse-native'

/**
 * What an engine can do beyond the bare minimum; the POSIX suite and the documentation go by these, never by
 * an engine's name.
 *
 * - `caller`: new files belong to who made them
 * - `nanoseconds`: times keep nanoseconds both ways
 * - `mtime`: utimensat sets the modification time that it was given; `utimeOmit`: UTIME_OMIT and UTIME_NOW too
 * - `inodes64`: inode numbers of 64 bits
 * - `byteNames`: names that are not UTF-8
 * - `linkIdentity`: hard links to one file share one cached inode, so that link counts are never stale
 * - `unlinkedOpen`: a file that is open and unlinked has no name anywhere (else it is renamed to `.fuse_hidden…`)
 * - `removedDirectories`: a directory that is open and removed can still be asked for its attributes
 * - `renameFlags`: RENAME_NOREPLACE and RENAME_EXCHANGE
 * - `fallocate`, `seekHole`, `copyFileRange`, `tmpfile`, `syncfs`, `acl`
 * - `hostLocks`: locks can be the host's, so that programs there and in the mount exclude each other
 * - `xattrFlags`: XATTR_CREATE and XATTR_REPLACE
 * - `longPaths`: paths up to PATH_MAX of the mount itself
 * - `passthrough`: reads and writes can bypass us
 * - `notify`: `MountSession.invalidate` reaches the kernel's caches
 */
export type Feature =
  | 'acl'
  | 'byteNames'
  | 'caller'
  | 'copyFileRange'
  | 'fallocate'
  | 'hostLocks'
  | 'inodes64'
  | 'linkIdentity'
  | 'longPaths'
  | 'mtime'
  | 'nanoseconds'
  | 'notify'
  | 'passthrough'
  | 'removedDirectories'
  | 'renameFlags'
  | 'seekHole'
  | 'syncfs'
  | 'tmpfile'
  | 'unlinkedOpen'
  | 'utimeOmit'
  | 'xattrFlags'

/** All of it JSON, so that it crosses processes and threads. */
export interface MountOptions {
  readonly readOnly: boolean
  /** Shown as the mount's source by findmnt(8): `twofold:ALIAS`. */
  readonly source: string
  /**
   * Seconds that the kernel may keep attributes and names without asking. A change that comes through this mount
   * is seen at once whatever they are; one made on the host or by the S3 door after at most so long.
   */
  readonly attributeTimeout: number
  readonly entryTimeout: number
  /** Let other users in, with permissions judged by the kernel; only root may (allow_other, default_permissions). */
  readonly allowOther: boolean
  /** Answer statx(2)'s question for the birth time, which costs a request of its own for each file that is new to the kernel. */
  readonly birthTimes: boolean
  /** Let reads and writes bypass us where engine, kernel and host can. */
  readonly passthrough: boolean
  /** Who keeps locks: the kernel, among the programs of one mount, or the host, among all of them and its own. */
  readonly locks: 'mount' | 'host'
  /** Print one line a request and reply. */
  readonly trace: boolean
  /** The most threads that wait for the disk while another serves on, where the engine has such; from 1. */
  readonly threads: number
}

export const defaultMountOptions: MountOptions = {
  readOnly: false,
  source: 'twofold',
  attributeTimeout: 1,
  entryTimeout: 1,
  allowOther: process.getuid?.() === 0,
  birthTimes: true,
  passthrough: true,
  locks: 'mount',
  trace: false,
  threads: 4,
}

/** Who a file is on the host. */
export interface HostFile {
  readonly dev: bigint
  readonly ino: bigint
}

/** What of the host's tree changed behind the kernel's back. */
export interface Change {
  /** The directory, and the name in it that came, went or changed. */
  readonly directory: HostFile
  readonly name: Uint8Array
  /** What the name led to before, where that is another file than now: it has one link less. */
  readonly before?: HostFile
}

export interface MountSession {
  readonly engine: EngineName
  readonly mountpoint: string
  /** Who the mount is, wherever its mount point is moved to. */
  readonly mount: MountIdentity
  /** Fulfilled when the mount is gone, whoever unmounted it; rejected when the engine failed. */
  readonly closed: Promise<void>
  /** One line about what the mount does without, such as passthrough; null when there is nothing to say. */
  readonly notice: string | null
  /** Whether reads and writes bypass us. */
  readonly passthrough: boolean
  /**
   * Unmounts this very mount. Refused with MountBusy where something else is mounted over it; with EBUSY (a SystemError) while somebody uses it, unless `lazy`: then it leaves the
   * tree at once and ends when its last user does. Fulfilled when it has ended; what was not in use has left the tree then,
   * but where another mount namespace has a copy it ends with that, or with this process.
   */
  unmount(lazy: boolean): Promise<void>
  /**
   * Makes the kernel ask anew for these names, and forget the attributes and the bytes of what they lead to and led to;
   * fulfilled when it has. Engines without `notify`: no-op.
   */
  invalidate(changes: readonly Change[]): Promise<void>
  /**
   * For the metrics and for `status`. After `within` milliseconds, where the mount hangs, they are what was noted before;
   * without it that is waited for.
   */
  statistics(within?: number): Promise<MountStatistics>
}

export interface MountStatistics {
  /** By FUSE operation, such as LOOKUP. */
  readonly operations: Readonly<Record<string, { readonly count: number; readonly nanoseconds: number }>>
  readonly nodes: number
  readonly handles: number
  /** How often one more was refused, to whoever had his share. */
  readonly refusedHandles: number
  readonly descriptors: number
  readonly passthrough: boolean
  /** null: not known, because passed-through bytes don't come by us. */
  readonly bytesRead: number | null
  readonly bytesWritten: number | null
}

export interface Engine {
  readonly name: EngineName
  readonly supports: ReadonlySet<Feature>
  /** Why it can't run on this machine as this user, as one line with the remedy; null when it can. */
  unavailable(): string | null
  /**
   * Mounts `disk` at `mountpoint`, an existing directory that isn't a mount point. Fulfilled when the kernel
   * has accepted the mount. Rejects with a SystemError or a Fault.
   */
  start(disk: DiskSource, mountpoint: string, options: MountOptions): Promise<MountSession>
}
