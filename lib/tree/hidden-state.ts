/**
 * The state directory, which no door shows through whatever path: not by a link, not by a bind mount of it, of what
 * lies in it or of a directory above it. Told by device and inode where a tree is walked, and for whole trees by where
 * on its file system each lies, which the mount table says without asking anything. A hard link to one of its files
 * can't be told from the file, and neither can another file system that shows it under identities of its own.
 */
import { realpathSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { contains, overlap } from '../roots.ts'
import type { MountInfo } from '../sys/mountinfo.ts'
import { currentMounts, mountChanges } from '../sys/mount-watch.ts'
import type { Stat } from '../sys/stat.ts'

/** A directory of a file system, whatever is mounted where. */
interface Position {
  /** MAJOR:MINOR. */
  readonly device: string
  readonly path: string
}

export class HiddenState {
  /** Canonical. */
  readonly #path: string
  readonly #dev: bigint
  readonly #ino: bigint
  #changes = -1
  #position: Position | undefined
  /** Mounts that show nothing but the state directory, or what lies in it. */
  #mounts: ReadonlySet<number> = new Set()

  /** Throws Node's error where there is no such directory. */
  constructor(path: string) {
    this.#path = realpathSync(path)
    const { dev, ino } = statSync(this.#path, { bigint: true })
    this.#dev = dev
    this.#ino = ino
  }

  /** Whether a file or directory found below a root, which lies on the mount `rootMount`, is not to be shown. */
  hides({ dev, ino, mntId }: Pick<Stat, 'dev' | 'ino' | 'mntId'>, rootMount: number | undefined): boolean {
    if (ino === this.#ino && dev === this.#dev) return true
    if (mntId === rootMount) return false
    this.#look()
    return this.#mounts.has(mntId)
  }

  /** Why `root`, canonical, is no root that may be shown, nor a place to mount on; undefined where it may be. */
  refusal(root: string): string | undefined {
    // A managed disk's own.
    if (dirname(root) === join(this.#path, 'disks')) return undefined
    this.#look()
    const there = positionOf(root, currentMounts())
    const ours = this.#position
    if (there === undefined || ours === undefined || there.device !== ours.device) return undefined
    if (!overlap(there.path, ours.path)) return undefined
    return `${root} leads by another path to twofold's own state directory ${this.#path}`
  }

  /** Whether something that is mounted below `root`, canonical, shows it or what lies in it. */
  isMountedBelow(root: string): boolean {
    this.#look()
    const ours = this.#position
    const inside = root === '/' ? root : `${root}/`
    return currentMounts().some(
      (mount) =>
        mount.mountpoint.startsWith(inside) &&
        mount.device === ours?.device &&
        overlap(mount.root, ours.path),
    )
  }

  #look(): void {
    const changes = mountChanges()
    if (changes === this.#changes) return
    this.#changes = changes
    const table = currentMounts()
    const ours = positionOf(this.#path, table)
    this.#position = ours
    const shown = table.filter(
      ({ device, root }) => ours !== undefined && device === ours.device && contains(ours.path, root),
    )
    this.#mounts = new Set(shown.map(({ id }) => id))
  }
}

/** Where `path`, canonical, lies: by the mount that is seen there. */
function positionOf(path: string, table: readonly MountInfo[]): Position | undefined {
  let mount: MountInfo | undefined
  for (const one of table)
    if (contains(one.mountpoint, path) && one.mountpoint.length >= (mount?.mountpoint.length ?? 0))
      mount = one
  return mount && { device: mount.device, path: join(mount.root, path.slice(mount.mountpoint.length)) }
}
