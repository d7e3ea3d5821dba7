/**
 * Places that many want (requests in flight, connections), and who holds how many. One holder may take as much of what is
 * free as its share allows, so that some of it is always left: the more others have, the less it may take. And the last of
 * them are for holders that have few, so that those who took much one after the other keep nobody out.
 */

/** Part of the places that is left to holders that have few. */
const reserved = 1 / 8
/** Part of the places that is few. One always is. */
const few = 1 / 128

/** Names that are remembered before the first are forgotten. */
const leastRemembered = 1024

export interface Holder {
  readonly name: string
  held: number
}

/** One kind of holders, as addresses or access keys. */
export class Holders {
  readonly #few: number
  readonly #reserved: number
  /** How many places a holder may have for each one that is free and not reserved. */
  readonly #ratio: number
  /** Also of those who have no place any more, which are forgotten together. */
  #byName = new Map<string, Holder>()
  #remembered = leastRemembered

  /** `share` in percent of the `most` places, for a holder that is alone; 100 for no limit. */
  constructor(share: number, most: number) {
    const part = share / 100
    this.#few = share >= 100 ? Infinity : Math.max(1, Math.floor(few * most))
    this.#reserved = Math.ceil(reserved * most)
    this.#ratio = part < 1 - reserved ? part / (1 - reserved - part) : Infinity
  }

  /** To be asked about and given a place at once: whoever has none may be forgotten. */
  of(name: string): Holder {
    const known = this.#byName.get(name)
    if (known !== undefined) return known
    if (this.#byName.size >= this.#remembered) this.#forget()
    const holder: Holder = { name, held: 0 }
    this.#byName.set(name, holder)
    return holder
  }

  #forget(): void {
    this.#byName = new Map([...this.#byName].filter(([, { held }]) => held > 0))
    this.#remembered = leastRemembered + 2 * this.#byName.size
  }

  /** How many names are remembered. */
  get remembered(): number {
    return this.#byName.size
  }

  /** Whether the holder may take one of the `free` places, of which there is one. */
  mayTake({ held }: Holder, free: number): boolean {
    return held < this.#few || (free > this.#reserved && held < this.#ratio * (free - this.#reserved))
  }
}
