/**
 * An opened root. Who it is was recorded when the disk was adopted; a path that leads to anything else (its
 * file system isn't mounted, something is mounted over it, it was moved away) makes the disk offline, never
 * empty. The descriptor alone can't tell: it goes on showing a tree that the path no longer leads to. So
 * `check` asks the path at each request, and finds the way back by itself when the root returns.
 */
import type { Disk, DiskSettings, RootIdentity } from '../disk.ts'
import { Fault } from '../errors.ts'
import { isRefusedByDomain } from '../sys/access.ts'
import { errnoName, SystemError } from '../sys/errno.ts'
import { fileHandle, remoteTypes } from '../sys/filesystem.ts'
import { cstring, must, type CString } from '../sys/libc.ts'
import { AT_EMPTY_PATH, AT_FDCWD, AT_STATX_FORCE_SYNC, close, O, openat2, RESOLVE } from '../sys/open.ts'
import { currentMounts, mountChanges } from '../sys/mount-watch.ts'
import { leadsTo, statAt, statFd, type Stat } from '../sys/stat.ts'
import { fstatfs, type StatFs } from '../sys/statfs.ts'
import { foldsCase } from './case-folding.ts'
import type { HiddenState } from './hidden-state.ts'

interface Bound {
  readonly fd: number
  readonly stat: Stat
  readonly foldsCase: boolean
  readonly remote: boolean
}

/** Hears of a disk that the domain of this process keeps from it. */
export type Refused = (disk: Disk) => void

export class Root {
  readonly disk: Disk
  readonly #path: CString
  readonly #refused: Refused
  readonly #hidden: HiddenState | undefined
  #bound: Bound | undefined
  #closed = false
  #mountsSeen = -1
  #mountsInside = false
  #mountsJudged: number

  private constructor(disk: Disk, bound: Bound, refused: Refused, hidden: HiddenState | undefined) {
    this.disk = disk
    this.#hidden = hidden
    this.#mountsJudged = hidden === undefined ? -1 : mountChanges()
    this.#refused = refused
    this.#path = cstring(Buffer.from(disk.root))
    this.#bound = bound
  }

  /**
   * Throws DiskOffline when the disk's path doesn't lead to the root that the disk remembers. `refused` is called
   * where it does and the process's domain forbids to read there. `hidden`: what no door shows, and what lies in it.
   */
  static open(disk: Disk, refused: Refused = () => {}, hidden?: HiddenState): Root {
    const bound = bind(disk, refused, hidden)
    if (typeof bound === 'string') throw new Fault('DiskOffline', bound)
    return new Root(disk, bound, refused, hidden)
  }

  /** Whether what was found in the tree is the state directory, or lies in it. */
  hides(stat: Stat): boolean {
    return this.#hidden !== undefined && this.#hidden.hides(stat, this.stat?.mntId)
  }

  /** An O_PATH descriptor for system calls made at once (`check` may replace it); -1 while offline. */
  get fd(): number {
    return this.#bound?.fd ?? -1
  }

  get stat(): Stat | undefined {
    return this.#bound?.stat
  }

  get settings(): DiskSettings {
    return this.disk.settings
  }

  /** Names that differ in case alone are one file in the root. */
  get foldsCase(): boolean {
    return this.#bound?.foldsCase ?? false
  }

  /** The same of the directory behind `fd`, which `stat` is of: another file system may be mounted there. */
  foldsCaseIn(fd: number, stat: Stat): boolean {
    return stat.mntId === this.stat?.mntId ? this.foldsCase : foldsCase(fd)
  }

  /** Whether the directory behind `fd`, which `stat` is of, may change without our kernel hearing of it. */
  isRemote(fd: number, stat: Stat): boolean {
    return stat.mntId === this.stat?.mntId ? (this.#bound?.remote ?? true) : isRemote(fd)
  }

  /**
   * Something is mounted inside of the root that the disk doesn't cross into. A call that takes a path goes there all
   * the same, and waits for as long as whoever answers there likes: openat2 with `boundary` alone stays out.
   */
  get isGuarded(): boolean {
    const changes = mountChanges()
    if (changes !== this.#mountsSeen) {
      this.#mountsSeen = changes
      const inside = `${this.disk.root === '/' ? '' : this.disk.root}/`
      this.#mountsInside = currentMounts().some(
        ({ mountpoint }) => mountpoint.startsWith(inside) && mountpoint !== inside,
      )
    }
    return this.#mountsInside && this.boundary !== 0
  }

  /** RESOLVE_NO_XDEV, unless the disk crosses into what is mounted inside of it. */
  get boundary(): number {
    return this.disk.settings.crossDevices ? 0 : RESOLVE.NO_XDEV
  }

  /**
   * Whether the path leads to the root right now, to be asked at the start of each request (1 µs). It lets go
   * of a root that is gone, so that its file system can be unmounted, and binds one that has come back.
   */
  check(): boolean {
    const bound = this.#bound
    if (bound !== undefined) {
      if (leadsTo(AT_FDCWD, this.#path, bound.stat) && this.#isApart()) return true
      this.#release()
    }
    if (this.#closed) return false
    const again = bind(this.disk, this.#refused, this.#hidden)
    if (typeof again === 'string') return false
    this.#bound = again
    return true
  }

  /** Whether no mount since made the state directory part of the tree. */
  #isApart(): boolean {
    if (this.#hidden === undefined) return true
    const changes = mountChanges()
    if (changes === this.#mountsJudged) return true
    this.#mountsJudged = changes
    return this.#hidden.refusal(this.disk.root) === undefined
  }

  /** Asks the file system itself, whatever the kernel remembers of it. Returns when it has answered. */
  ask(): void {
    if (this.check()) statAt(this.fd, '', AT_EMPTY_PATH | AT_STATX_FORCE_SYNC)
  }

  /** Something that it leads to is there, and the process's domain forbids to read it. */
  isRefused(): void {
    this.#refused(this.disk)
  }

  close(): void {
    this.#closed = true
    this.#release()
  }

  #release(): void {
    if (this.#bound !== undefined) close(this.#bound.fd)
    this.#bound = undefined
  }
}

/** One sentence when the disk's root can't be had as it was adopted, or undefined. */
export function whyOffline(disk: Disk): string | undefined {
  const bound = bind(disk)
  if (typeof bound === 'string') return bound
  close(bound.fd)
  return undefined
}

/** Opens the disk's root, or says why that isn't to be had. */
function bind(disk: Disk, refused: Refused = () => {}, hidden?: HiddenState): Bound | string {
  const shown = hidden?.refusal(disk.root)
  if (shown !== undefined) return shown
  const fd = openat2(AT_FDCWD, disk.root, O.PATH | O.DIRECTORY)
  if (fd < 0) return `${disk.root}: ${errnoName(-fd)}`
  const stat = statFd(fd)
  const fileSystem = fstatfs(fd)
  if (typeof stat === 'number' || typeof fileSystem === 'number') {
    close(fd)
    return `${disk.root}: can't be examined`
  }
  const now = identityOf(fd, stat, fileSystem)
  if (!isSameRoot(now, disk.identity)) {
    close(fd)
    return `${disk.root} is not the directory that became this disk (is its file system mounted?)`
  }
  const listing = openat2(fd, '.', O.RDONLY | O.DIRECTORY)
  if (listing >= 0) close(listing)
  else if (isRefusedByDomain(listing, fd)) {
    close(fd)
    refused(disk)
    return `${disk.root} has come back, and who serves it must be started again: a moment`
  }
  return {
    fd,
    stat,
    foldsCase: foldsCase(fd),
    remote: remoteTypes.has(fileSystem.type),
  }
}

/** Whether what `fd` lies on may change without our kernel hearing of it. */
function isRemote(fd: number): boolean {
  const fileSystem = fstatfs(fd)
  return typeof fileSystem === 'number' || remoteTypes.has(fileSystem.type)
}

/** Whether both are one directory. A handle counts where both have one. */
export const isSameRoot = (now: RootIdentity, then: RootIdentity): boolean =>
  now.fileSystem === then.fileSystem &&
  now.ino === then.ino &&
  (now.handle === undefined || then.handle === undefined || now.handle === then.handle)

/** Who the directory at `path` is, for a disk to remember. Throws SystemError. */
export function identify(path: string): RootIdentity {
  const fd = must(openat2(AT_FDCWD, path, O.PATH | O.DIRECTORY), 'openat2', path)
  try {
    return identifyOpened(fd, path)
  } finally {
    close(fd)
  }
}

/** The same of a directory that is open; `path` is for the error alone. */
export function identifyOpened(fd: number, path: string): RootIdentity {
  const stat = statFd(fd)
  const fileSystem = fstatfs(fd)
  if (typeof stat === 'number') throw new SystemError(-stat, 'statx', path)
  if (typeof fileSystem === 'number') throw new SystemError(-fileSystem, 'statfs', path)
  return identityOf(fd, stat, fileSystem)
}

function identityOf(fd: number, stat: Stat, fileSystem: StatFs): RootIdentity {
  const handle = fileHandle(fd)
  return {
    fileSystem: `${fileSystem.fsid}:${fileSystem.type.toString(16)}`,
    ino: stat.ino.toString(),
    ...(typeof handle === 'string' ? { handle } : {}),
  }
}
