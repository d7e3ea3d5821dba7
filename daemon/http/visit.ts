/** A request that was let in: the places that it holds until it is over. */
import type { Connection } from './connections.ts'
import type { Crowd, HolderKind } from './crowd.ts'
import type { Holder } from './places.ts'
import type { Transfer } from './slow-transfers.ts'

export class Visit implements Transfer {
  readonly connection: Connection | undefined
  /** Whose places it takes: its client's, and those of its key or link. */
  readonly address: Holder
  credential: Holder | undefined
  isOver = false
  progress: Transfer['progress'] = () => undefined
  readonly #crowd: Crowd

  constructor(crowd: Crowd, connection: Connection | undefined, address: Holder) {
    this.#crowd = crowd
    this.connection = connection
    this.address = address
  }

  /** Counts it among the requests of a key or a link. Throws SlowDown where those are too many, and lets go of all. */
  countFor(kind: HolderKind, name: string): void {
    this.#crowd.countFor(this, kind, name)
  }

  /** From now on the client may have to be waited for. */
  watch(progress: Transfer['progress']): void {
    this.progress = progress
    this.#crowd.watch(this)
  }

  /** Gives back what it holds, once. */
  leave(): void {
    this.#crowd.leave(this)
  }
}
