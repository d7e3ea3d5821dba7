/** What one thread of a mount has done, in shared memory: that thread alone writes it, any may read. */
import { OPCODES } from './protocol/opcode-numbers.ts'

/** Places in `usage`. Only the serving thread has more than the bytes. */
export const USAGE = {
  nodes: 0,
  handles: 1,
  descriptors: 2,
  bytesRead: 3,
  bytesWritten: 4,
  /** 1 once a file was passed through. */
  passed: 5,
  refusedHandles: 6,
} as const

export class Figures {
  static readonly bytes = (2 * OPCODES + 8) * 8
  /** By opcode: requests answered, and the time from when they were read until then. */
  readonly counts: Float64Array
  readonly nanoseconds: Float64Array
  readonly usage: Float64Array

  /** `thread`: 0 for the serving one, then the lanes, then the one that waits for locks. */
  constructor(shared: SharedArrayBuffer, thread: number) {
    const at = thread * Figures.bytes
    this.counts = new Float64Array(shared, at, OPCODES)
    this.nanoseconds = new Float64Array(shared, at + OPCODES * 8, OPCODES)
    this.usage = new Float64Array(shared, at + 2 * OPCODES * 8, 8)
  }

  count(opcode: number, nanoseconds: number): void {
    if (opcode >= OPCODES) return
    this.counts[opcode] = (this.counts[opcode] ?? 0) + 1
    this.spend(opcode, nanoseconds)
  }

  /** Time for a request that isn't answered yet. */
  spend(opcode: number, nanoseconds: number): void {
    if (opcode < OPCODES) this.nanoseconds[opcode] = (this.nanoseconds[opcode] ?? 0) + nanoseconds
  }
}
