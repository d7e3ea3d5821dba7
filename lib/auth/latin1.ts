/**
 * Strings of one byte a character, as bytes to be hashed, in memory that is used again and again. Texts of one
 * kind often have one length, so the last view is kept: making one costs as much as filling it.
 */
export class Latin1 {
  readonly #memory: Buffer
  readonly #from: number
  #view: Buffer

  /** Room for texts of `size` bytes behind `before`, which goes before each of them. */
  constructor(size: number, before: Uint8Array = new Uint8Array()) {
    this.#from = before.length
    this.#memory = Buffer.alloc(before.length + size)
    this.#memory.set(before)
    this.#view = this.#memory
  }

  /** Valid until the next call. */
  bytesOf(text: string): Uint8Array {
    const length = this.#from + text.length
    if (length > this.#memory.length)
      return Buffer.concat([this.#memory.subarray(0, this.#from), Buffer.from(text, 'latin1')])
    this.#memory.write(text, this.#from, 'latin1')
    if (this.#view.length !== length) this.#view = this.#memory.subarray(0, length)
    return this.#view
  }
}
