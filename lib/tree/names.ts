/**
 * The names of one directory in the order of listings, which follow the directory as it changes: what was read is
 * packed and stays; what came since lies beside it, in order, until there is enough of it to pack all anew.
 */
import { isUtf8 } from 'node:buffer'
import { isHidden, type Kind, type Packed } from './packed.ts'

interface Added {
  /** Bytes as latin1, with a slash behind a directory's name. */
  readonly text: string
  readonly name: string
  kind: Kind
}

/** Changes that are carried beside the packed names before they are merged. */
const mostAdded = 4096

export class Names {
  #packed: Packed
  #added: Added[] = []
  #removed = 0
  /** Goes up with each change: cursors find their place again. */
  version = 0

  constructor(packed: Packed) {
    this.#packed = packed
  }

  get byteLength(): number {
    return this.#packed.byteLength + 64
  }

  /** Says what `name` (bytes as latin1, no slash) leads to now; undefined: nothing that is shown. */
  set(name: string, kind: Kind | undefined): void {
    if (isHidden(name)) return
    const bytes = Buffer.from(name, 'latin1')
    if (!isUtf8(bytes)) return
    this.version++
    this.#put(name, bytes, kind === 'directory' ? undefined : kind)
    this.#put(`${name}/`, bytes, kind === 'directory' ? kind : undefined)
    if (this.#added.length <= mostAdded && this.#removed <= this.#packed.length / 2 + mostAdded) return
    this.#packed = this.#packed.merged(this.#added)
    this.#added = []
    this.#removed = 0
  }

  #put(text: string, bytes: Buffer, kind: Kind | undefined): void {
    const index = this.#packed.find(text)
    if (index >= 0) {
      const was = this.#packed.kind(index) !== undefined
      this.#removed += Number(was) - Number(kind !== undefined)
      this.#packed.mark(index, kind)
      return
    }
    const at = this.addedBound(text)
    const found = this.#added[at]
    if (found?.text === text) {
      if (kind === undefined) this.#added.splice(at, 1)
      else found.kind = kind
    } else if (kind !== undefined) {
      const name = kind === 'directory' ? `${bytes.toString()}/` : bytes.toString()
      this.#added.splice(at, 0, { text, name, kind })
    }
  }

  /** What `text` (bytes as latin1; a directory's with its slash) leads to. */
  kind(text: string): Kind | undefined {
    const index = this.#packed.find(text)
    if (index >= 0) return this.#packed.kind(index)
    const found = this.#added[this.addedBound(text)]
    return found?.text === text ? found.kind : undefined
  }

  get packed(): Packed {
    return this.#packed
  }

  added(index: number): Added | undefined {
    return this.#added[index]
  }

  /** The index of the first added name that isn't less than `text`. */
  addedBound(text: string): number {
    let low = 0
    let high = this.#added.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#added[middle]?.text ?? '') < text) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Goes through names in their order. Changes made meanwhile show where it hasn't been yet. */
export class Cursor {
  readonly #names: Names
  readonly #from: string
  #version: number
  #index: number
  #added: number
  /** Where in the packed names the next added one belongs. */
  #addedAt = 0
  /** With a slash behind a directory's. */
  name = ''
  kind: Kind = 'file'

  /** Before the first name that isn't less than `from`. */
  constructor(names: Names, from: string) {
    this.#names = names
    this.#version = names.version
    this.#from = Buffer.from(from).toString('latin1')
    this.#index = names.packed.lowerBound(this.#from)
    this.#added = names.addedBound(this.#from)
    this.#place()
  }

  /** False at the end; otherwise `name` and `kind` are those of the next. */
  next(): boolean {
    const names = this.#names
    if (names.version !== this.#version) this.#seek()
    for (;;) {
      if (this.#index >= this.#addedAt) {
        const added = names.added(this.#added)
        if (added !== undefined) {
          this.name = added.name
          this.kind = added.kind
          this.#added++
          this.#place()
          return true
        }
      }
      if (this.#index >= names.packed.length) return false
      const index = this.#index++
      const kind = names.packed.kind(index)
      if (kind === undefined) continue
      this.name = names.packed.name(index)
      this.kind = kind
      return true
    }
  }

  /** Behind the name that was last given. */
  #seek(): void {
    this.#version = this.#names.version
    const text = this.name === '' ? this.#from : `${Buffer.from(this.name).toString('latin1')}\0`
    this.#index = this.#names.packed.lowerBound(text)
    this.#added = this.#names.addedBound(text)
    this.#place()
  }

  #place(): void {
    const added = this.#names.added(this.#added)
    this.#addedAt = added === undefined ? Infinity : this.#names.packed.lowerBound(added.text)
  }
}
