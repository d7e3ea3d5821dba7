/**
 * The root that a file system hangs from: who it must be, whether it is there, and whether something is mounted
 * inside of it. Asked about before each operation, it asks the host at most once a second.
 */
import type { RootIdentity } from '../../lib/disk.ts'
import { descriptorPath } from '../../lib/sys/attributes.ts'
import { errno, SystemError } from '../../lib/sys/errno.ts'
import { FS, remoteTypes } from '../../lib/sys/filesystem.ts'
import { FreezeProbe } from '../../lib/sys/freeze-probe.ts'
import { cstring, type CString } from '../../lib/sys/libc.ts'
import { currentMounts, mountChanges } from '../../lib/sys/mount-watch.ts'
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_NO_AUTOMOUNT,
  AT_STATX_DONT_SYNC,
  close,
  O,
  openat2,
  RESOLVE,
} from '../../lib/sys/open.ts'
import { emptyStat, leadsTo, statInto, type Stat } from '../../lib/sys/stat.ts'
import { emptyStatFs, statFs } from '../../lib/sys/statfs.ts'
import { HiddenState } from '../../lib/tree/hidden-state.ts'
import { identify, isSameRoot } from '../../lib/tree/root.ts'
import { Nodes } from './nodes.ts'
import type { DiskSource } from './source.ts'

/** Milliseconds. */
const checkEvery = 1000
/** Those that can be frozen, and whose files can be written directly. */
const freezable: readonly number[] = [FS.EXT4, FS.XFS, FS.BTRFS, FS.F2FS]
/** Their close(2) has nothing to say: what a write could not do, write(2) or fsync(2) says. */
const closingQuietly: readonly number[] = [FS.EXT4, FS.XFS, FS.BTRFS, FS.F2FS, FS.TMPFS]

/** The last segments of the paths at which something is mounted inside of the root, latin1. */
function coveredNames(root: string): ReadonlySet<string> {
  const inside = root === '/' ? root : `${root}/`
  const names = currentMounts()
    .filter(({ mountpoint }) => mountpoint.startsWith(inside) && mountpoint !== inside)
    .map(({ mountpoint }) => mountpoint.slice(mountpoint.lastIndexOf('/') + 1))
  return new Set(names.map((name) => Buffer.from(name).toString('latin1')))
}

export class DiskRoot {
  readonly nodes: Nodes
  readonly #source: DiskSource
  readonly #path: CString
  readonly #hidden: HiddenState | undefined
  #mountsJudged = -1
  /** Where nobody says who it must be: whoever was found first. */
  #who: RootIdentity | null
  #offline = true
  #covered: ReadonlySet<string> = new Set()
  #mountsSeen = -1
  #statFlags = 0
  #closesQuietly = false
  #closed = false
  /** null: there can be none; undefined: nobody has asked since the root was bound. */
  #probe: FreezeProbe | null | undefined = null
  /** Milliseconds since the epoch. */
  #checked: number
  #now = 0

  /** Throws SystemError when it can't be opened and nothing is known of who it should be. */
  constructor(source: DiskSource, mostNodes: number, closeLarge: (fd: number) => void) {
    this.#source = source
    this.#who = source.identity
    this.#path = cstring(Buffer.from(source.root))
    this.#hidden = source.state === undefined ? undefined : new HiddenState(source.state)
    const most = source.maxDescriptors > 0 ? source.maxDescriptors : mostNodes
    this.nodes = new Nodes(most, closeLarge, source.crossDevices ? 0 : RESOLVE.NO_XDEV)
    const result = this.#bind()
    if (result < 0 && source.identity === null) throw new SystemError(-result, 'openat2', source.root)
    // Its descriptor is opened at the first question.
    mountChanges()
    this.#checked = Date.now()
  }

  /** Whether the root is away, or not the one that the disk remembers. */
  get offline(): boolean {
    if (this.#closed) return true
    const now = (this.#now = Date.now())
    if (now - this.#checked >= checkEvery || now < this.#checked) {
      this.#checked = now
      this.#check()
    }
    return this.#offline
  }

  /** When `offline` was asked last, milliseconds since the epoch. */
  get now(): number {
    return this.#now
  }

  /** Whether something is mounted inside of it. */
  get holdsMounts(): boolean {
    const changes = mountChanges()
    if (changes !== this.#mountsSeen) {
      this.#mountsSeen = changes
      this.#covered = coveredNames(this.#source.root)
    }
    return this.#covered.size > 0
  }

  /** Whether something may be mounted inside of it on a name, latin1, in one directory or another. */
  mayCover(name: string): boolean {
    return this.holdsMounts && this.#covered.has(name)
  }

  /**
   * Flags for statx(2) on a name below. Where nothing is to be crossed into, what was mounted on it a moment ago isn't
   * asked: it may not answer.
   */
  get statFlags(): number {
    return this.#statFlags
  }

  /** Whether what was found below is the state directory, or lies in it. */
  hides(stat: Stat): boolean {
    return this.#hidden !== undefined && this.#hidden.hides(stat, this.nodes.rootStat.mntId)
  }

  /** Whether anything below may be hidden so. */
  get mayShowState(): boolean {
    return this.#source.crossDevices && this.#hidden?.isMountedBelow(this.#source.root) === true
  }

  /** Whether close(2) of a file below can't fail. */
  get closesQuietly(): boolean {
    return this.#closesQuietly
  }

  /** Whether its file system is frozen. Where that can't be seen it isn't. */
  get isFrozen(): boolean {
    if (this.#probe === undefined) {
      const probe = FreezeProbe.of(this.nodes.descriptor(this.nodes.root))
      this.#probe = typeof probe === 'number' ? null : probe
    }
    return this.#probe !== null && this.#probe.isFrozen
  }

  close(): void {
    this.#closed = true
    this.#unprobe(null)
    this.nodes.releaseAll()
  }

  #check(): void {
    if (!this.#offline && leadsTo(AT_FDCWD, this.#path, this.nodes.rootStat) && this.#isApart()) return
    // Its file system can be unmounted now.
    if (!this.#offline) {
      this.#unprobe(null)
      this.nodes.releaseAll()
    }
    this.#offline = true
    this.#bind()
  }

  /** Whether the state directory is no part of the tree by another path. */
  #isApart(): boolean {
    if (this.#hidden === undefined) return true
    const changes = mountChanges()
    if (!this.#offline && changes === this.#mountsJudged) return true
    this.#mountsJudged = changes
    return this.#hidden.refusal(this.#source.root) === undefined
  }

  /** 0, or less with the root left offline. */
  #bind(): number {
    if (!this.#isApart()) return -errno.EIO
    const fd = openat2(AT_FDCWD, this.#path, O.PATH | O.DIRECTORY)
    if (fd < 0) return fd
    const stat = emptyStat()
    const fileSystem = emptyStatFs()
    const result = Math.min(statInto(fd, '', AT_EMPTY_PATH, stat), statFs(fd, fileSystem))
    const now = identify(descriptorPath(fd))
    this.#who ??= now
    if (result < 0 || !isSameRoot(now, this.#who)) {
      close(fd)
      return Math.min(result, -1)
    }
    // A file that overlayfs copies up is born again.
    this.nodes.bind(fd, stat, fileSystem.type !== FS.OVERLAY)
    const local = !remoteTypes.has(fileSystem.type)
    this.#statFlags = AT_NO_AUTOMOUNT | (local && !this.#source.crossDevices ? AT_STATX_DONT_SYNC : 0)
    this.nodes.statFlags = this.#statFlags
    this.#closesQuietly = !this.#source.crossDevices && closingQuietly.includes(fileSystem.type)
    const changes = !this.#source.readOnly && freezable.includes(fileSystem.type)
    this.#unprobe(changes ? undefined : null)
    this.#offline = false
    return 0
  }

  #unprobe(then: null | undefined): void {
    this.#probe?.close()
    this.#probe = then
  }
}
