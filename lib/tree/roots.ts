/** The opened roots of a process: one for each disk that it was asked for. */
import type { Disk, DiskId } from '../disk.ts'
import { Fault } from '../errors.ts'
import type { HiddenState } from './hidden-state.ts'
import { Root, type Refused } from './root.ts'

interface Kept {
  /** The record last asked with: asking with it again needs no comparison. */
  record: Disk
  readonly bindings: string
  readonly root: Root
}

export class Roots {
  readonly #refused: Refused
  #hidden: HiddenState | undefined
  #kept = new Map<DiskId, Kept>()

  /** `refused` hears of disks whose roots are there and that this process's domain keeps from it. */
  constructor(refused: Refused = () => {}) {
    this.#refused = refused
  }

  /** To be said before the first root is opened: what none may show. */
  hide(state: HiddenState): void {
    this.#hidden = state
  }

  /** The disk's root, reopened when its record says something new of it. Throws DiskOffline. */
  of(disk: Disk): Root {
    if (disk.letGo) throw new Fault('DiskOffline', 'The disk was put offline.')
    const kept = this.#kept.get(disk.id)
    if (kept?.record === disk) return kept.root
    const bindings = JSON.stringify([disk.root, disk.identity, disk.settings, disk.mountpoint])
    if (kept?.bindings === bindings) {
      kept.record = disk
      return kept.root
    }
    const root = Root.open(disk, this.#refused, this.#hidden)
    kept?.root.close()
    this.#kept.set(disk.id, { record: disk, bindings, root })
    return root
  }

  /** Closes the roots of disks that are not among `live`. */
  prune(live: ReadonlySet<DiskId>): void {
    for (const [id, { root }] of this.#kept) {
      if (live.has(id)) continue
      root.close()
      this.#kept.delete(id)
    }
  }

  close(): void {
    this.prune(new Set())
  }
}
