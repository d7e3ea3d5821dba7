/** What the kernel behind one mount is told of changes, and whether it has been. */
import type { ChangeRecord } from './change-record.ts'
import type { ToMount } from './messages.ts'

/** Milliseconds for an answer: a mount whose disk hangs doesn't answer, and holds nobody up for longer. */
const patience = 2_000
/** Notices without an answer, after which no more are sent: a mount that hangs for hours must not fill memory. */
const mostOpen = 1_000

export class MountNotices {
  readonly #say: (message: ToMount) => void
  readonly #open = new Map<number, () => void>()
  #last = 0
  /** It let somebody wait in vain: it is told, and not waited for until it answers. */
  #isLate = false

  constructor(say: (message: ToMount) => void) {
    this.#say = say
  }

  /** Resolves when the kernel knows, or when that takes too long. */
  tell(changes: readonly ChangeRecord[]): Promise<void> {
    if (this.#open.size >= mostOpen) return Promise.resolve()
    const id = ++this.#last
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#isLate = true
        resolve()
      }, patience)
      this.#open.set(id, () => {
        clearTimeout(timer)
        this.#open.delete(id)
        resolve()
      })
      this.#say({ type: 'changed', id, changes })
      if (this.#isLate) resolve()
    })
  }

  told(id: number): void {
    this.#isLate = false
    this.#open.get(id)?.()
  }

  /** The mount is gone, and what its kernel knew with it. */
  ended(): void {
    this.#isLate = false
    for (const done of this.#open.values()) done()
  }
}
