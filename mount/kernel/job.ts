/** A call that may have to wait for the disk: all that a thread without the node table needs to make it. */

import type { Spender } from './caller-credentials.ts'

/** Its fields, in the order in which they lie in shared memory: each a number that a float64 holds exactly. */
const fields = [
  'opcode',
  'uniqueLow',
  'uniqueHigh',
  'device',
  'given',
  'fd',
  'offset',
  'length',
  'mode',
  'to',
  'toOffset',
  'buffer',
  'start',
  'uid',
] as const

export class Job {
  static readonly bytes = fields.length * 8

  /** What is to be done: a request's opcode, or CLOSE. */
  opcode = 0
  /** The request that is to be answered, and the device's descriptor that brought it. */
  uniqueLow = 0
  uniqueHigh = 0
  device = -1
  /** When it was left to others, in nanoseconds of the machine's monotonic clock. */
  given = 0
  /** The kernel releases no file before its calls are answered, so that it stays this file's until then. */
  fd = -1
  offset = 0
  length = 0
  /** WRITE: IN_PLACE, or 0. fsync: 1 for data only. fallocate: its mode. copy_file_range: its flags. */
  mode = 0
  /** copy_file_range's other file. */
  to = -1
  toOffset = 0
  /** What is written: the request buffer's number, and where in it the bytes begin. */
  buffer = -1
  start = 0
  /** Within whose limits room is taken up. */
  uid = 0

  /** Makes it another job. What isn't named is to be set where the call wants it. */
  begin(opcode: number, fd: number, offset = 0, length = 0, mode = 0): this {
    this.opcode = opcode
    this.fd = fd
    this.offset = offset
    this.length = length
    this.mode = mode
    this.uid = 0
    return this
  }

  /** Room is taken up within the limits of `spender`. */
  spentBy({ uid }: Spender): this {
    this.uid = uid
    return this
  }

  store(into: Float64Array, at: number): void {
    for (let i = 0; i < fields.length; i++) into[at + i] = this[fields[i] ?? 'opcode']
  }

  load(from: Float64Array, at: number): void {
    for (let i = 0; i < fields.length; i++) this[fields[i] ?? 'opcode'] = from[at + i] ?? 0
  }
}

/** Closes a descriptor, and answers nobody. */
export const CLOSE = 0
