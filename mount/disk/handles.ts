/** Open files and directories by number. A number is reused after its release. */
import { close } from '../../lib/sys/open.ts'
import type { HandleId } from '../filesystem.ts'
import type { DirectoryStream } from './directory-stream.ts'
import type { Node } from './nodes.ts'
import type { Shares } from './shares.ts'

export interface Handle {
  readonly fd: number
  readonly node: Node
  /** Where reading stands, for a directory. */
  readonly stream: DirectoryStream | null
  /** Opened with O_APPEND: whatever is written by `fd` goes to the end. */
  readonly appends: boolean
  /** Who opened it; -1: not known. */
  readonly uid: number
}

export class Handles {
  readonly #slots: (Handle | null)[] = [null]
  readonly #free: number[] = []
  #count = 0
  readonly #shares: Shares

  constructor(shares: Shares) {
    this.#shares = shares
  }

  get count(): number {
    return this.#count
  }

  add(handle: Handle): HandleId {
    const slot = this.#free.pop() ?? this.#slots.length
    this.#slots[slot] = handle
    this.#count++
    this.#shares.take(handle.uid)
    return slot as HandleId
  }

  get(id: HandleId): Handle | null {
    return this.#slots[id] ?? null
  }

  /** Takes a handle out; its descriptor is the caller's to close. */
  remove(id: HandleId): Handle | null {
    const handle = this.#slots[id] ?? null
    if (handle === null) return null
    this.#slots[id] = null
    this.#free.push(id)
    this.#count--
    this.#shares.giveBack(handle.uid)
    return handle
  }

  close(): void {
    for (const handle of this.#slots) {
      if (handle === null) continue
      handle.stream?.release()
      close(handle.fd)
    }
    this.#slots.length = 1
    this.#free.length = 0
    this.#count = 0
  }
}
