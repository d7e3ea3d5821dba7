/** Reads a directory of any size into its packed, sorted names. */
import { isUtf8 } from 'node:buffer'
import { DT, getdents64 } from '../sys/directory.ts'
import { cstring } from '../sys/libc.ts'
import { AT_SYMLINK_NOFOLLOW } from '../sys/open.ts'
import { modeAt } from '../sys/stat.ts'
import { codeOf, isHidden, kindOfMode, Packer, type Kind, type Packed } from './packed.ts'

const entries = Buffer.alloc(128 * 1024)

/**
 * Reads a directory, sorts its names and packs them, a slice of time at a call: a million of them take the better
 * part of a second, and nobody else should have to wait for it.
 */
export class DirectoryReader {
  readonly #fd: number
  /** Of each name: its code, its bytes, a NUL. */
  #raw = Buffer.allocUnsafeSlow(16 * 1024)
  #filled = 0
  /** Where the names begin in `#raw`; later, in their order. */
  #starts = new Uint32Array(1024)
  #sort: Sort | undefined
  #packer: Packer | undefined
  #packed = 0
  count = 0
  /** The directory is read to its end, if not yet sorted. */
  complete = false

  /** `fd`, at its beginning, stays its owner's, and open while this is at work. */
  constructor(fd: number) {
    this.#fd = fd
  }

  /** Works until performance.now() passes `deadline`: the names, undefined when there is more to do, minus the errno. */
  work(deadline: number): Packed | number | undefined {
    while (!this.complete) {
      const failed = this.read()
      if (failed < 0) return failed
      if (performance.now() > deadline) return undefined
    }
    this.#sort ??= new Sort(this.#raw, this.#starts.subarray(0, this.count))
    if (!this.#sort.work(deadline)) return undefined
    return this.#pack(deadline)
  }

  /** One system call's worth of entries: 0, or minus the errno. */
  read(): number {
    const end = getdents64(this.#fd, entries)
    if (end < 0) return end
    if (end === 0) this.complete = true
    for (let at = 0; at < end; at += (entries[at + 16] ?? 0) | ((entries[at + 17] ?? 0) << 8)) {
      this.#take(at + 19, entries[at + 18] ?? 0)
    }
    return 0
  }

  #take(start: number, type: number): void {
    if (type !== DT.REG && type !== DT.DIR && type !== DT.LNK && type !== DT.UNKNOWN) return
    if (this.#raw.length - this.#filled < 300) this.#grow()
    if (this.count === this.#starts.length) {
      const more = new Uint32Array(this.count * 2)
      more.set(this.#starts)
      this.#starts = more
    }
    const raw = this.#raw
    const first = this.#filled + 1
    let at = first
    let high = 0
    for (let i = start; ; i++) {
      const byte = entries[i] ?? 0
      if (byte === 0) break
      high |= byte
      raw[at++] = byte
    }
    if (raw[first] === 0x2e && isHidden(raw.toString('latin1', first, at))) return
    if (high >= 0x80 && !isUtf8(raw.subarray(first, at))) return
    const kind = type === DT.UNKNOWN ? this.#ask(raw.subarray(first, at)) : kindOfType(type)
    if (kind === undefined) return
    if (kind === 'directory') raw[at++] = 0x2f
    raw[at++] = 0
    raw[first - 1] = codeOf[kind]
    this.#starts[this.count++] = first
    this.#filled = at
  }

  #ask(name: Uint8Array): Kind | undefined {
    const mode = modeAt(this.#fd, cstring(name), AT_SYMLINK_NOFOLLOW)
    return mode < 0 ? undefined : kindOfMode(mode)
  }

  #grow(): void {
    const more = Buffer.allocUnsafeSlow(this.#raw.length * 2)
    more.set(this.#raw.subarray(0, this.#filled))
    this.#raw = more
  }

  #pack(deadline: number): Packed | undefined {
    const raw = this.#raw
    this.#packer ??= new Packer(this.#filled - 2 * this.count, this.count)
    let previous = -1
    for (; this.#packed < this.count; this.#packed++) {
      const start = this.#starts[this.#packed] ?? 0
      let end = start
      while (raw[end] !== 0) end++
      // A rename while the directory is read can show a name twice.
      if (previous < 0 || !sameName(raw, previous, start)) {
        this.#packer.add(raw, start, end, raw[start - 1] ?? 0)
      }
      previous = start
      if ((this.#packed & 0x3fff) === 0x3fff && performance.now() > deadline) {
        this.#packed++
        return undefined
      }
    }
    return this.#packer.finish()
  }
}

const kindOfType = (type: number): Kind => (type === DT.REG ? 'file' : type === DT.DIR ? 'directory' : 'link')

function sameName(raw: Uint8Array, a: number, b: number): boolean {
  for (let i = 0; ; i++) {
    if (raw[a + i] !== raw[b + i]) return false
    if (raw[a + i] === 0) return true
  }
}

/**
 * Multikey quicksort (Bentley and Sedgewick, 1997) of NUL-terminated strings by where they start, with a stack
 * of its own so that it can stop in between.
 */
class Sort {
  readonly #raw: Uint8Array
  readonly #starts: Uint32Array
  /** Of what is left: first, end, depth. */
  readonly #left: number[]

  constructor(raw: Uint8Array, starts: Uint32Array) {
    this.#raw = raw
    this.#starts = starts
    this.#left = [0, starts.length, 0]
  }

  /** True when all is in order. */
  work(deadline: number): boolean {
    const left = this.#left
    for (let done = 0; left.length > 0;) {
      const depth = left.pop() ?? 0
      const end = left.pop() ?? 0
      const first = left.pop() ?? 0
      if (end - first < 12) this.#insert(first, end, depth)
      else this.#split(first, end, depth)
      done += end - first
      if (done > 20_000) {
        if (performance.now() > deadline) return left.length === 0
        done = 0
      }
    }
    return true
  }

  #split(first: number, end: number, depth: number): void {
    const raw = this.#raw
    const starts = this.#starts
    const pivot = median(
      raw[(starts[first] ?? 0) + depth] ?? 0,
      raw[(starts[(first + end) >>> 1] ?? 0) + depth] ?? 0,
      raw[(starts[end - 1] ?? 0) + depth] ?? 0,
    )
    let less = first
    let more = end
    for (let i = first; i < more;) {
      const start = starts[i] ?? 0
      const byte = raw[start + depth] ?? 0
      if (byte < pivot) {
        starts[i++] = starts[less] ?? 0
        starts[less++] = start
      } else if (byte > pivot) {
        starts[i] = starts[--more] ?? 0
        starts[more] = start
      } else i++
    }
    if (less - first > 1) this.#left.push(first, less, depth)
    if (end - more > 1) this.#left.push(more, end, depth)
    if (pivot !== 0 && more - less > 1) this.#left.push(less, more, depth + 1)
  }

  #insert(first: number, end: number, depth: number): void {
    const starts = this.#starts
    for (let i = first + 1; i < end; i++) {
      const start = starts[i] ?? 0
      let j = i
      for (; j > first && this.#less(start + depth, (starts[j - 1] ?? 0) + depth); j--)
        starts[j] = starts[j - 1] ?? 0
      starts[j] = start
    }
  }

  #less(a: number, b: number): boolean {
    const raw = this.#raw
    for (let i = 0; ; i++) {
      const x = raw[a + i] ?? 0
      const y = raw[b + i] ?? 0
      if (x !== y) return x < y
      if (x === 0) return false
    }
  }
}

const median = (a: number, b: number, c: number): number =>
  a < b ? (b < c ? b : a < c ? c : a) : a < c ? a : b < c ? c : b
