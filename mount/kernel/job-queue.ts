/**
 * Jobs on their way from the thread that serves a mount to those that wait for the disk, in shared memory: one
 * puts, whoever is free takes the oldest. Beside them lies which kind of call was slow lately.
 */
import { Job } from './job.ts'

/** A power of two, so that the counters may wrap around. */
const SLOTS = 1024
const KINDS = 64

// Where the int32 control words lie.
/** Jobs put so far. */
const PUT = 0
/** Jobs taken so far. */
const TAKEN = 1
/** Threads that take jobs. */
const PRESENT = 2
/** Those of them that wait for a job. */
const IDLE = 3
/** Those of them that may be at one. */
const BUSY = 4
/** A number that changes whenever there may be something new. */
const NEWS = 5
/** 1 when no job is to be begun any more. */
const STOPPED = 6
const CONTROL_BYTES = 64

/** Nanoseconds. A call that takes longer has waited for the disk, not merely for a busy processor. */
export const SLOW = 10e6
/** Nanoseconds for which calls of a kind are expected to be slow after one was. */
const SLOW_FOR = 250e6

/** Nanoseconds on a clock that all threads share. */
export const now = (): number => Number(process.hrtime.bigint())

export class JobQueue {
  static readonly bytes = CONTROL_BYTES + KINDS * 8 + SLOTS * Job.bytes
  readonly #control: Int32Array
  /** By opcode: until when such calls are taken for slow. */
  readonly #slowUntil: Float64Array
  readonly #slots: Float64Array

  constructor(shared: SharedArrayBuffer) {
    this.#control = new Int32Array(shared, 0, CONTROL_BYTES / 4)
    this.#slowUntil = new Float64Array(shared, CONTROL_BYTES, KINDS)
    this.#slots = new Float64Array(shared, CONTROL_BYTES + KINDS * 8, (SLOTS * Job.bytes) / 8)
  }

  /** Threads that take jobs. */
  get present(): number {
    return Atomics.load(this.#control, PRESENT)
  }

  /** Jobs that nobody is there for at the moment. */
  get unattended(): number {
    const waiting = (Atomics.load(this.#control, PUT) - Atomics.load(this.#control, TAKEN)) | 0
    return waiting - Atomics.load(this.#control, IDLE)
  }

  /** Puts a copy of the job; false when there is no room, or the queue is stopped. */
  put(job: Job): boolean {
    if (Atomics.load(this.#control, STOPPED) === 1) return false
    const put = Atomics.load(this.#control, PUT)
    if (((put - Atomics.load(this.#control, TAKEN)) | 0) >= SLOTS) return false
    job.store(this.#slots, slot(put))
    Atomics.store(this.#control, PUT, (put + 1) | 0)
    Atomics.add(this.#control, NEWS, 1)
    Atomics.notify(this.#control, NEWS, 1)
    return true
  }

  /** Takes the oldest job that is there. */
  claim(into: Job): boolean {
    for (;;) {
      const taken = Atomics.load(this.#control, TAKEN)
      if (Atomics.load(this.#control, PUT) === taken) return false
      // What was copied counts only when nobody was faster: until then the slot isn't written to again.
      into.load(this.#slots, slot(taken))
      if (Atomics.compareExchange(this.#control, TAKEN, taken, (taken + 1) | 0) === taken) return true
    }
  }

  /** Says that a thread is there that will serve. */
  join(): void {
    Atomics.add(this.#control, PRESENT, 1)
  }

  /** Takes jobs and does them, until the queue is stopped: what is begun after that is only abandoned. */
  serve(act: (job: Job) => void, abandon: (job: Job) => void): void {
    const control = this.#control
    const job = new Job()
    while (Atomics.load(control, STOPPED) === 0) {
      Atomics.add(control, BUSY, 1)
      const news = Atomics.load(control, NEWS)
      const claimed = this.claim(job)
      if (claimed) {
        if (Atomics.load(control, STOPPED) === 0) act(job)
        else abandon(job)
      }
      Atomics.sub(control, BUSY, 1)
      Atomics.notify(control, BUSY)
      if (claimed) continue
      Atomics.add(control, IDLE, 1)
      Atomics.wait(control, NEWS, news)
      Atomics.sub(control, IDLE, 1)
    }
  }

  /**
   * Abandons what nobody has begun, and waits for what somebody has, `patience` milliseconds at most: whether
   * nobody is at a job any more, and never will be.
   */
  stop(patience: number, abandon: (job: Job) => void): boolean {
    const control = this.#control
    Atomics.store(control, STOPPED, 1)
    const job = new Job()
    while (this.claim(job)) abandon(job)
    Atomics.add(control, NEWS, 1)
    Atomics.notify(control, NEWS)
    const deadline = performance.now() + patience
    for (;;) {
      const busy = Atomics.load(control, BUSY)
      if (busy === 0) return true
      const left = deadline - performance.now()
      if (left <= 0) return false
      Atomics.wait(control, BUSY, busy, left)
    }
  }

  /** Notes how long a call took. */
  took(opcode: number, nanoseconds: number): void {
    if (nanoseconds >= SLOW && opcode < KINDS) this.#slowUntil[opcode] = now() + SLOW_FOR
  }

  /** Whether such a call was slow lately. */
  isSlow(opcode: number): boolean {
    const until = this.#slowUntil[opcode] ?? 0
    return until !== 0 && now() < until
  }
}

const slot = (number: number): number => (number & (SLOTS - 1)) * (Job.bytes / 8)
