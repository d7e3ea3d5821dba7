/**
 * Buffers that requests are read into, in memory that all threads of a mount see: so what a WRITE brings can be
 * left to another thread where it lies, while the next request is read into another buffer.
 */
import { requestBytes } from './protocol/codec.ts'

/** Bytes are touched, and so use memory, only where so many writes wait at one time. */
const BUFFERS = 32
const STATES_BYTES = 4096

const FREE = 0
const TAKEN = 1

export class RequestBuffers {
  readonly #states: Int32Array
  readonly #buffers: readonly Buffer[]

  static bytes(maxWrite: number): number {
    return STATES_BYTES + BUFFERS * requestBytes(maxWrite)
  }

  constructor(shared: SharedArrayBuffer) {
    this.#states = new Int32Array(shared, 0, BUFFERS)
    const size = (shared.byteLength - STATES_BYTES) / BUFFERS
    this.#buffers = Array.from({ length: BUFFERS }, (_, i) =>
      Buffer.from(shared, STATES_BYTES + i * size, size),
    )
  }

  /** The number of a buffer that nobody else uses until it is given back; -1: there is none. */
  take(): number {
    for (let i = 0; i < BUFFERS; i++) {
      if (Atomics.compareExchange(this.#states, i, FREE, TAKEN) === FREE) return i
    }
    return -1
  }

  giveBack(number: number): void {
    Atomics.store(this.#states, number, FREE)
  }

  at(number: number): Buffer {
    const buffer = this.#buffers[number]
    if (buffer === undefined) throw new RangeError(`no buffer ${number}`)
    return buffer
  }
}
