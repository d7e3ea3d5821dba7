/**
 * A directory being read. Entries come from the host in pieces; what of a piece did not fit the engine's
 * answer waits for the next request, if that goes on where this one stopped. Otherwise (telldir and seekdir,
 * rewinddir) the host's own offsets find the place again.
 */
import { getdents64 } from '../../lib/sys/directory.ts'
import { lseek, SEEK } from '../../lib/sys/file.ts'
import type { DirectoryEntry } from '../filesystem.ts'

const pieceSize = 32 * 1024
const idle: Buffer[] = []
const maxIdle = 16

export class DirectoryStream {
  readonly #fd: number
  #piece: Buffer | null = null
  #filled = 0
  #at = 0
  /** Where the last consumed entry's offset lies in the piece, or -1: `#next` holds. */
  #nextAt = -1
  #next = 0n
  #fresh = true
  readonly entry: DirectoryEntry = { bytes: new Uint8Array(0), at: 0, nameStart: 0, nameEnd: 0, type: 0 }

  constructor(fd: number) {
    this.#fd = fd
  }

  /** Goes to an offset that an entry was given out with, or to the beginning: 0, or minus the errno. */
  seek(offset: bigint): number {
    if (this.#nextAt >= 0 && this.#piece !== null) {
      this.#next = this.#piece.readBigInt64LE(this.#nextAt)
      this.#nextAt = -1
    }
    if (offset === this.#next && (offset !== 0n || this.#fresh)) return 0
    const result = lseek(this.#fd, offset, SEEK.SET)
    // A large offset comes back rounded, never negative but for an error.
    if (result < 0) return result
    this.#filled = this.#at = 0
    this.#next = offset
    return 0
  }

  /** Puts the next entry into `entry` without consuming it: 1, 0 at the end, or minus the errno. */
  peek(): number {
    if (this.#at >= this.#filled) {
      if (this.#piece === null) {
        this.#piece = idle.pop() ?? Buffer.alloc(pieceSize)
        this.entry.bytes = this.#piece
      }
      // The consumed entry's offset is about to be overwritten.
      if (this.#nextAt >= 0) this.#next = this.#piece.readBigInt64LE(this.#nextAt)
      this.#nextAt = -1
      this.#fresh = false
      const filled = getdents64(this.#fd, this.#piece)
      if (filled <= 0) {
        this.#filled = this.#at = 0
        return filled
      }
      this.#filled = filled
      this.#at = 0
    }
    const { entry } = this
    const piece = entry.bytes
    entry.at = this.#at
    entry.type = piece[this.#at + 18] ?? 0
    entry.nameStart = this.#at + 19
    let end = entry.nameStart
    while (piece[end] !== 0) end++
    entry.nameEnd = end
    return 1
  }

  consume(): void {
    const piece = this.entry.bytes
    this.#nextAt = this.#at + 8
    this.#at += (piece[this.#at + 16] ?? 0) | ((piece[this.#at + 17] ?? 0) << 8)
  }

  release(): void {
    if (this.#piece !== null && idle.length < maxIdle) idle.push(this.#piece)
    this.#piece = null
    this.#filled = this.#at = 0
  }
}
