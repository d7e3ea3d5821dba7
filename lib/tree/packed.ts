/**
 * The names of one directory, sorted and packed: some 20 bytes a name, where strings would take 100. A directory's
 * name carries a slash at its end, so that plain byte order is the order of listings.
 */
import { S } from '../sys/stat.ts'
import { reservedName } from './path.ts'

/** What a name leads to. A link's own kind is not remembered: it changes without its directory changing. */
export type Kind = 'file' | 'directory' | 'link'
/** By their place in this list kinds are kept in a byte; 0 is a name that is gone. */
const kinds: readonly (Kind | undefined)[] = [undefined, 'file', 'directory', 'link']
export const codeOf = { file: 1, directory: 2, link: 3 } as const satisfies Record<Kind, number>

/** undefined for what is never shown: FIFOs, sockets, devices. */
export function kindOfMode(mode: number): Kind | undefined {
  const type = mode & S.IFMT
  return type === S.IFREG ? 'file' : type === S.IFDIR ? 'directory' : type === S.IFLNK ? 'link' : undefined
}

export class Packed {
  readonly length: number
  readonly #bytes: Buffer
  /** Where each name begins, and behind the last one where it ends. */
  readonly #offsets: Uint32Array
  readonly #codes: Uint8Array

  constructor(bytes: Buffer, offsets: Uint32Array, codes: Uint8Array) {
    this.#bytes = bytes
    this.#offsets = offsets
    this.#codes = codes
    this.length = codes.length
  }

  get byteLength(): number {
    return this.#bytes.length + this.#offsets.byteLength + this.#codes.length
  }

  /** undefined once it was removed. */
  kind(index: number): Kind | undefined {
    return kinds[this.#codes[index] ?? 0]
  }

  name(index: number): string {
    return this.#bytes.toString('utf8', this.#offsets[index] ?? 0, this.#offsets[index + 1] ?? 0)
  }

  /** Names stay where they are; only what they lead to changes. */
  mark(index: number, kind: Kind | undefined): void {
    this.#codes[index] = kind === undefined ? 0 : codeOf[kind]
  }

  /** The index of the first name that isn't less than `text` (bytes as latin1). */
  lowerBound(text: string): number {
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#compare(middle, text) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The index of `text`, or -1. */
  find(text: string): number {
    const index = this.lowerBound(text)
    return index < this.length && this.#compare(index, text) === 0 ? index : -1
  }

  #compare(index: number, text: string): number {
    const bytes = this.#bytes
    const start = this.#offsets[index] ?? 0
    const length = (this.#offsets[index + 1] ?? 0) - start
    const common = Math.min(length, text.length)
    for (let i = 0; i < common; i++) {
      const difference = (bytes[start + i] ?? 0) - text.charCodeAt(i)
      if (difference !== 0) return difference
    }
    return length - text.length
  }

  /** A new one without what was removed and with `added`, which is sorted and disjoint from what is here. */
  merged(added: readonly { readonly text: string; readonly kind: Kind }[]): Packed {
    let bytes = this.#bytes.length
    for (const { text } of added) bytes += text.length
    const packer = new Packer(bytes, this.length + added.length)
    let at = 0
    let gone = this.#gone(0)
    const copy = (to: number) => {
      for (; gone < to; gone = this.#gone(at)) {
        packer.addRun(this.#bytes, this.#offsets, this.#codes, at, gone)
        at = gone + 1
      }
      packer.addRun(this.#bytes, this.#offsets, this.#codes, at, to)
      at = to
    }
    for (const { text, kind } of added) {
      copy(this.lowerBound(text))
      packer.addText(text, codeOf[kind])
    }
    copy(this.length)
    return packer.finish()
  }

  /** The first removed name from `index` on, or the end. */
  #gone(index: number): number {
    const found = this.#codes.indexOf(0, index)
    return found < 0 ? this.length : found
  }
}

/** Takes names in their order. */
export class Packer {
  readonly #bytes: Buffer
  readonly #offsets: Uint32Array
  readonly #codes: Uint8Array
  #filled = 0
  #count = 0

  constructor(bytes: number, names: number) {
    this.#bytes = Buffer.allocUnsafeSlow(bytes)
    this.#offsets = new Uint32Array(names + 1)
    this.#codes = new Uint8Array(names)
  }

  add(source: Uint8Array, start: number, end: number, code: number): void {
    const bytes = this.#bytes
    let at = this.#filled
    for (let i = start; i < end; i++) bytes[at++] = source[i] ?? 0
    this.#end(at, code)
  }

  /** The names from `first` to before `end`. */
  addRun(bytes: Buffer, offsets: Uint32Array, codes: Uint8Array, first: number, end: number): void {
    const start = offsets[first] ?? 0
    const shift = this.#filled - start
    bytes.copy(this.#bytes, this.#filled, start, offsets[end])
    this.#codes.set(codes.subarray(first, end), this.#count)
    const own = this.#offsets
    let at = this.#count
    for (let i = first + 1; i <= end; i++) own[++at] = (offsets[i] ?? 0) + shift
    this.#count = at
    this.#filled = own[at] ?? 0
  }

  addText(text: string, code: number): void {
    this.#bytes.write(text, this.#filled, 'latin1')
    this.#end(this.#filled + text.length, code)
  }

  #end(at: number, code: number): void {
    this.#filled = at
    this.#codes[this.#count++] = code
    this.#offsets[this.#count] = at
  }

  finish(): Packed {
    const { length } = this.#codes
    if (this.#count === length && this.#filled === this.#bytes.length)
      return new Packed(this.#bytes, this.#offsets, this.#codes)
    return new Packed(
      Buffer.from(this.#bytes.subarray(0, this.#filled)),
      this.#offsets.slice(0, this.#count + 1),
      this.#codes.slice(0, this.#count),
    )
  }
}

/** Names that no door shows. */
export const isHidden = (name: string): boolean => name === '.' || name === '..' || name === reservedName
