/** How a worker has the primary start the process of a disk that may not answer, or learns that there is none. */
import { randomUUID } from 'node:crypto'
import type { DiskId } from '../../lib/disk.ts'
import type { FromWorker, ToWorker } from './messages.ts'

/** Milliseconds for the primary, which does nothing that takes a wait. */
const patience = 5_000
/** Milliseconds for which an answer is good: a process that nobody asks for is ended. */
export const reachedFor = 30_000

export class DiskReacher {
  readonly #say: (message: FromWorker) => void
  readonly #open = new Map<string, (isThere: boolean) => void>()
  readonly #asked = new Map<DiskId, { readonly at: number; readonly isThere: Promise<boolean> }>()

  constructor(say: (message: FromWorker) => void) {
    this.#say = say
  }

  /** Whether the disk has a process, or one that starts. */
  reach(diskId: DiskId): Promise<boolean> {
    const before = this.#asked.get(diskId)
    if (before !== undefined && performance.now() - before.at < reachedFor) return before.isThere
    const isThere = this.#ask(diskId)
    this.#asked.set(diskId, { at: performance.now(), isThere })
    void isThere.then((is) => {
      if (!is) this.forget(diskId)
    })
    return isThere
  }

  /** Has the primary asked again. */
  forget(diskId: DiskId): void {
    this.#asked.delete(diskId)
  }

  heard({ id, isThere }: Extract<ToWorker, { type: 'reached' }>): void {
    this.#open.get(id)?.(isThere)
  }

  #ask(diskId: DiskId): Promise<boolean> {
    const id = randomUUID()
    return new Promise((resolve) => {
      const settle = (isThere: boolean) => {
        clearTimeout(timer)
        this.#open.delete(id)
        resolve(isThere)
      }
      const timer = setTimeout(settle, patience, false)
      this.#open.set(id, settle)
      this.#say({ type: 'reach', id, diskId })
    })
  }
}
