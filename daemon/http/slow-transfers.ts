/**
 * Transfers whose client is waited for, and which of them are slow: those that were slower than the least rate over the
 * last whole period. Whether they lose their connection is for others to say.
 */

export interface Transfer {
  /** Bytes that came through so far; undefined while it isn't the client that is waited for. */
  progress(): number | undefined
}

export class SlowTransfers<T extends Transfer> {
  readonly #rate: number
  readonly #timer: NodeJS.Timeout | undefined
  /** How far each was at the last look, undefined where that can't be said. */
  readonly #watched = new Map<T, number | undefined>()
  readonly #slow = new Set<T>()
  #looked = performance.now()

  /** `rate` in bytes a second, 0 where none is too slow; `period` in milliseconds. `judged` is called after each. */
  constructor(rate: number, period: number, judged: () => void) {
    this.#rate = rate
    if (rate > 0)
      this.#timer = setInterval(() => {
        this.#judge()
        judged()
      }, period).unref()
  }

  get slow(): Iterable<T> {
    return this.#slow
  }

  watch(transfer: T): void {
    if (this.#timer !== undefined) this.#watched.set(transfer, undefined)
  }

  forget(transfer: T): void {
    this.#watched.delete(transfer)
    this.#slow.delete(transfer)
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #judge(): void {
    const now = performance.now()
    const least = (this.#rate * (now - this.#looked)) / 1000
    this.#looked = now
    for (const [transfer, before] of this.#watched) {
      const at = transfer.progress()
      if (at !== undefined && before !== undefined && at - before < least) this.#slow.add(transfer)
      else this.#slow.delete(transfer)
      this.#watched.set(transfer, at)
    }
  }
}
