/**
 * Disks that proved that they may not answer, though nothing in their records says so: a worker was found waiting in
 * the kernel for one of their files, and heard nothing meanwhile. They are served by processes of their own from then
 * on, for as long as the primary lives; the worker is given up, since nobody can end such a wait.
 */
import type { Disk, DiskId } from '../../lib/disk.ts'
import type { Log } from '../../lib/log.ts'
import { pathsWaitedFor } from '../../lib/sys/waiting-call.ts'

/** Milliseconds between two questions to a worker whether it goes on, and for its answer. */
export const beat = { every: 2_000, patience: 4_000 } as const

export class Suspects {
  readonly #log: Log
  readonly #disks: () => readonly Disk[]
  readonly #ids = new Set<DiskId>()

  constructor(log: Log, disks: () => readonly Disk[]) {
    this.#log = log
    this.#disks = disks
  }

  get ids(): readonly DiskId[] {
    return [...this.#ids]
  }

  has(id: DiskId): boolean {
    return this.#ids.has(id)
  }

  /** Whether the process, which doesn't answer, waits for a disk: then that is one of them from now on. */
  isHeldBy(pid: number): boolean {
    const paths = pathsWaitedFor(pid)
    const disk = this.#disks()
      .filter(({ root }) =>
        paths.some((path) => path === root || path.startsWith(root === '/' ? '/' : `${root}/`)),
      )
      .sort((a, b) => a.root.length - b.root.length)
      .at(-1)
    if (disk === undefined) return false
    this.#ids.add(disk.id)
    this.#log.error('disk.suspected', { disk: disk.id, root: disk.root, pid })
    return true
  }
}
