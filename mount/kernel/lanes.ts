/**
 * Slow calls go to threads of their own, so that who waits for the disk keeps nobody else waiting: fsync, syncfs,
 * fallocate and copy_file_range need no more than descriptors, which the kernel holds open until they are
 * answered. A lane takes them in order from shared memory, and answers the kernel itself.
 *
 * The first slow call of a mount is served where it arrived, and asks for the lanes.
 */
import type { Request } from './codec.ts'

/** A handler's result when a lane will answer. */
export const DEFERRED = -0x10000

const SLOTS = 64
const SLOT_BYTES = 64
const CONTROL_BYTES = 64
export const LANES = 2

/** Indices of a lane's int32 control words: jobs given, jobs taken, whether the lane is there. */
const GIVEN = 0
const TAKEN = 1
const PRESENT = 2

/** What a lane is to do; `operation` is the opcode's number. */
export interface Job {
  readonly operation: number
  readonly fd: number
  /** copy_file_range's other file. */
  readonly to: number
  /** fsync: 1 for data only. fallocate: its mode. */
  readonly mode: number
  readonly offset: number
  readonly toOffset: number
  readonly length: number
}

/** Does a job, and answers its request through `device`, which brought it. */
type Act = (job: Job, device: number, uniqueLow: number, uniqueHigh: number) => void

const laneBytes = CONTROL_BYTES + SLOTS * SLOT_BYTES

/** One lane's memory, seen from either end. */
class Lane {
  readonly control: Int32Array
  readonly #view: DataView

  constructor(shared: SharedArrayBuffer, index: number) {
    this.control = new Int32Array(shared, index * laneBytes, CONTROL_BYTES / 4)
    this.#view = new DataView(shared, index * laneBytes + CONTROL_BYTES, SLOTS * SLOT_BYTES)
  }

  get waiting(): number {
    return Atomics.load(this.control, GIVEN) - Atomics.load(this.control, TAKEN)
  }

  put(job: Job, { device, uniqueLow, uniqueHigh }: Request): void {
    const view = this.#view
    const given = Atomics.load(this.control, GIVEN)
    const at = (given % SLOTS) * SLOT_BYTES
    view.setUint32(at, job.operation)
    view.setUint32(at + 4, uniqueLow)
    view.setUint32(at + 8, uniqueHigh)
    view.setInt32(at + 12, job.fd)
    view.setInt32(at + 16, job.to)
    view.setInt32(at + 20, job.mode)
    view.setFloat64(at + 24, job.offset)
    view.setFloat64(at + 32, job.toOffset)
    view.setFloat64(at + 40, job.length)
    view.setInt32(at + 48, device)
    Atomics.store(this.control, GIVEN, given + 1)
    Atomics.notify(this.control, GIVEN)
  }

  /** Waits for the next job and does it; only then it counts as taken. */
  serve(act: Act): void {
    const view = this.#view
    const taken = Atomics.load(this.control, TAKEN)
    while (Atomics.load(this.control, GIVEN) === taken) Atomics.wait(this.control, GIVEN, taken)
    const at = (taken % SLOTS) * SLOT_BYTES
    const job: Job = {
      operation: view.getUint32(at),
      fd: view.getInt32(at + 12),
      to: view.getInt32(at + 16),
      mode: view.getInt32(at + 20),
      offset: view.getFloat64(at + 24),
      toOffset: view.getFloat64(at + 32),
      length: view.getFloat64(at + 40),
    }
    act(job, view.getInt32(at + 48), view.getUint32(at + 4), view.getUint32(at + 8))
    Atomics.store(this.control, TAKEN, taken + 1)
  }
}

/** The serving thread's end. */
export class Lanes {
  static readonly bytes = LANES * laneBytes
  readonly #lanes: readonly Lane[]
  readonly #call: () => void
  #called = false

  /** `call` asks for the lanes to be started. */
  constructor(shared: SharedArrayBuffer, call: () => void) {
    this.#lanes = Array.from({ length: LANES }, (_, index) => new Lane(shared, index))
    this.#call = call
  }

  /** DEFERRED when a lane took the job; else 0, and it is to be done here. */
  give(job: Job, request: Request): number {
    let best: Lane | undefined
    for (const lane of this.#lanes) {
      if (Atomics.load(lane.control, PRESENT) === 0 || lane.waiting >= SLOTS) continue
      if (best === undefined || lane.waiting < best.waiting) best = lane
    }
    if (best === undefined) {
      if (!this.#called) this.#call()
      this.#called = true
      return 0
    }
    best.put(job, request)
    return DEFERRED
  }
}

/** A lane's own end: serves for ever. */
export function serveLane(shared: SharedArrayBuffer, index: number, act: Act): never {
  const lane = new Lane(shared, index)
  Atomics.store(lane.control, PRESENT, 1)
  for (;;) lane.serve(act)
}
