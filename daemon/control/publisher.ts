/** Tells the doors what changed, and says when all of them have taken it. */
import type { FromControl, DoorRecord, MountRecord } from '../processes/messages.ts'

/** Everything that the doors and the mounts go by, as it is now. */
export type Snapshot = () => {
  readonly doors: Omit<DoorRecord, 'version'>
  readonly mounts: readonly MountRecord[]
}

export class Publisher {
  readonly #say: (message: FromControl) => void
  readonly #snapshot: Snapshot
  #version = 0
  #published = 0
  readonly #waiting = new Set<{ version: number; resolve: () => void }>()

  constructor(say: (message: FromControl) => void, snapshot: Snapshot) {
    this.#say = say
    this.#snapshot = snapshot
  }

  /** Resolves when no door answers by anything older than what is now. */
  publish(): Promise<void> {
    // Later runs of control count on from here, since the clock goes on.
    this.#version = Math.max(this.#version + 1, Date.now())
    const version = this.#version
    const { doors, mounts } = this.#snapshot()
    const done = new Promise<void>((resolve) => this.#waiting.add({ version, resolve }))
    this.#say({ type: 'publish', doors: { ...doors, version }, mounts })
    return done
  }

  /** The primary says that `version` is everywhere. */
  published(version: number): void {
    this.#published = Math.max(this.#published, version)
    for (const one of this.#waiting) {
      if (one.version > this.#published) continue
      this.#waiting.delete(one)
      one.resolve()
    }
  }
}
