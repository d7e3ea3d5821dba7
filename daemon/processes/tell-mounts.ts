/** How a worker has the kernels behind the mounts told of what it changed, by way of the primary. */
import { randomUUID } from 'node:crypto'
import type { Change } from '../../mount/engine.ts'
import { mostChanges, toChangeRecord, type ChangeRecord } from './change-record.ts'
import type { FromWorker, ToWorker } from './messages.ts'

interface Batch {
  readonly changes: ChangeRecord[]
  readonly done: Promise<void>
  readonly resolve: () => void
}

/** Milliseconds for the primary, which itself waits two seconds for a mount. */
const patience = 5_000

/** One message is under way at a time; what changes meanwhile goes with the next. */
export class MountTeller {
  readonly #say: (message: FromWorker) => void
  readonly #waiting: Batch[] = []
  #sent: { readonly id: string; readonly batch: Batch; readonly timer: NodeJS.Timeout } | undefined

  constructor(say: (message: FromWorker) => void) {
    this.#say = say
  }

  /**
   * Resolves when no kernel answers by what was before, but for that of a mount which doesn't answer in time: what
   * it knows, it knows for the attribute timeout at most. Never rejects, since what changed has changed.
   */
  async tell(changes: readonly Change[]): Promise<void> {
    const told: Promise<void>[] = []
    for (let from = 0; from < changes.length; from += mostChanges)
      told.push(this.#add(changes.slice(from, from + mostChanges).map(toChangeRecord)))
    await Promise.all(told)
  }

  heard({ id }: Extract<ToWorker, { type: 'told' }>): void {
    const sent = this.#sent
    if (sent?.id !== id) return
    clearTimeout(sent.timer)
    this.#sent = undefined
    sent.batch.resolve()
    this.#sendNext()
  }

  #add(changes: readonly ChangeRecord[]): Promise<void> {
    let batch = this.#waiting.at(-1)
    if (batch === undefined || batch.changes.length + changes.length > mostChanges) {
      batch = newBatch()
      this.#waiting.push(batch)
    }
    batch.changes.push(...changes)
    this.#sendNext()
    return batch.done
  }

  #sendNext(): void {
    if (this.#sent !== undefined) return
    const batch = this.#waiting.shift()
    if (batch === undefined) return
    const id = randomUUID()
    const timer = setTimeout(() => this.heard({ type: 'told', id }), patience)
    this.#sent = { id, batch, timer }
    this.#say({ type: 'changed', id, changes: batch.changes })
  }
}

function newBatch(): Batch {
  let resolve!: () => void
  const done = new Promise<void>((settle) => (resolve = settle))
  return { changes: [], done, resolve }
}
