/** READDIR's and READDIRPLUS's packing: records aligned to 8 bytes, filled until the kernel's page is full. */
import type { DirectoryEntry, DirectorySink, Entry } from '../../filesystem.ts'
import { HEADER_OUT, putEntry, type Reply, type Validity } from './codec.ts'
import { dirent, entryOut } from './structs.ts'

const aligned = (size: number): number => (size + 7) & ~7

export class DirentPacker implements DirectorySink {
  readonly #reply: Reply
  readonly #valid: Validity
  #plus = false
  #limit = 0
  #at = 0

  constructor(reply: Reply, valid: Validity) {
    this.#reply = reply
    this.#valid = valid
  }

  /** Begins an answer of at most `size` bytes; `plus`: with an entry before each record. */
  begin(size: number, plus: boolean): void {
    this.#plus = plus
    this.#limit = HEADER_OUT + Math.min(size, this.#reply.capacity)
    this.#at = HEADER_OUT
  }

  /** Bytes packed. */
  get length(): number {
    return this.#at - HEADER_OUT
  }

  fits(length: number): boolean {
    return this.#at + aligned((this.#plus ? entryOut.size : 0) + dirent.size + length) <= this.#limit
  }

  add(from: DirectoryEntry, entry: Entry | null): void {
    const { bytes, view } = this.#reply
    const start = this.#at
    let at = start
    if (this.#plus) {
      if (entry === null || entry.node === 0) bytes.fill(0, at, at + entryOut.size)
      else putEntry(view, at, entry, this.#valid)
      at += entryOut.size
    }
    const length = from.nameEnd - from.nameStart
    // u64 ino and s64 offset lie in linux_dirent64 as they do in fuse_dirent.
    for (let i = 0; i < 16; i++) bytes[at + i] = from.bytes[from.at + i] ?? 0
    view.setUint32(at + 16, length, true)
    view.setUint32(at + 20, from.type, true)
    at += dirent.size
    for (let i = 0; i < length; i++) bytes[at + i] = from.bytes[from.nameStart + i] ?? 0
    at += length
    const end = start + aligned(at - start)
    while (at < end) bytes[at++] = 0
    this.#at = end
  }
}
