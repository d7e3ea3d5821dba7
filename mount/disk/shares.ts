/**
 * Who has how many files open, so that no user's open files keep the others, and root above all, from opening theirs: each
 * takes a descriptor, of which a process has only so many.
 */
import { errno } from '../../lib/sys/errno.ts'

export class Shares {
  readonly #all: number
  readonly #one: number
  readonly #exempt: ReadonlySet<number>
  readonly #counts = new Map<number, number>()
  #taken = 0
  #refused = 0

  /** At most `all`, and `one` for a user; those who are `exempt` have as many as they like. */
  constructor(all: number, one: number, exempt: ReadonlySet<number>) {
    this.#all = all
    this.#one = Math.min(one, all)
    this.#exempt = exempt
  }

  /** How often one more was refused. */
  get refused(): number {
    return this.#refused
  }

  /** Whether `uid` may have one more: 0, -EMFILE when it has its share, -ENFILE when others have all there is. */
  more(uid: number): number {
    if (this.#exempt.has(uid)) return 0
    const result =
      (this.#counts.get(uid) ?? 0) >= this.#one ? -errno.EMFILE : this.#taken >= this.#all ? -errno.ENFILE : 0
    if (result < 0) this.#refused++
    return result
  }

  take(uid: number): void {
    if (this.#exempt.has(uid)) return
    this.#taken++
    this.#counts.set(uid, (this.#counts.get(uid) ?? 0) + 1)
  }

  giveBack(uid: number): void {
    if (this.#exempt.has(uid)) return
    const count = (this.#counts.get(uid) ?? 0) - 1
    this.#taken--
    if (count > 0) this.#counts.set(uid, count)
    else this.#counts.delete(uid)
  }
}
