/**
 * Threads beside the one that serves a mount, so that who waits for the disk keeps nobody else waiting. Requests
 * are read by the serving thread alone, since it alone has the node table; what needs no more than descriptors
 * it leaves to the lanes when it would have to wait: they make the call and answer the kernel themselves,
 * through the device's descriptor that brought the request (no other knows it).
 *
 * Lanes are started one by one, when there is more to wait for than there are lanes to do it. Until the first is
 * there, slow calls are made where they arrived.
 */
import { close } from '../../lib/sys/open.ts'
import { JobQueue, now } from './job-queue.ts'
import { CLOSE, Job } from './job.ts'
import type { Request } from './protocol/codec.ts'
import { OPCODE } from './protocol/opcode-numbers.ts'
import { RequestBuffers } from './request-buffers.ts'
import { abandon } from './waiting-calls.ts'

/** A handler's result when a lane will answer. */
export const DEFERRED = -0x10000

/** Milliseconds that the end of a mount waits for calls under way. */
const patience = 2_000

/** What the threads of a mount have in common beside its device. */
export interface LaneMemory {
  readonly jobs: SharedArrayBuffer
  readonly buffers: SharedArrayBuffer
}

export const laneMemory = (maxWrite: number): LaneMemory => ({
  jobs: new SharedArrayBuffer(JobQueue.bytes),
  buffers: new SharedArrayBuffer(RequestBuffers.bytes(maxWrite)),
})

/** The serving thread's end. */
export class Lanes {
  readonly #queue: JobQueue
  readonly #buffers: RequestBuffers
  readonly #most: number
  readonly #summon: () => void
  readonly #remote: boolean
  #summoned = 0
  readonly #closing = new Job()

  /**
   * At most `most` lanes; `summon` asks for one to be started. `remote`: any call may wait for another machine or
   * program, so nothing is tried here first.
   */
  constructor(memory: LaneMemory, most: number, remote: boolean, summon: () => void) {
    this.#queue = new JobQueue(memory.jobs)
    this.#buffers = new RequestBuffers(memory.buffers)
    this.#most = most
    this.#summon = summon
    this.#remote = remote
    if (remote) this.#grow()
  }

  /** Gives the request memory whose contents can be left to a lane. */
  lend(request: Request): void {
    const number = this.#buffers.take()
    if (number >= 0) request.use(this.#buffers.at(number), number)
  }

  /** Whether such a call is to be left to a lane untried. */
  isSlow(opcode: number): boolean {
    return this.#remote || this.#queue.isSlow(opcode)
  }

  took(opcode: number, nanoseconds: number): void {
    this.#queue.took(opcode, nanoseconds)
  }

  /** Whether a lane will make the call and answer the request. */
  give(job: Job, request: Request): boolean {
    const queue = this.#queue
    if (queue.present === 0) {
      if (this.#summoned === 0) this.#grow()
      return false
    }
    job.uniqueLow = request.uniqueLow
    job.uniqueHigh = request.uniqueHigh
    job.device = request.device
    job.given = now()
    job.buffer = job.opcode === OPCODE.WRITE ? request.buffer : -1
    if (job.opcode !== OPCODE.WRITE) return this.#put(job)
    const next = request.buffer < 0 ? -1 : this.#buffers.take()
    if (next < 0) return false
    if (!this.#put(job)) {
      this.#buffers.giveBack(next)
      return false
    }
    request.use(this.#buffers.at(next), next)
    return true
  }

  /** Closes a file that may be large and without a name: to free its blocks can take seconds. */
  close(fd: number): void {
    const job = this.#closing.begin(CLOSE, fd)
    if (!this.#put(job)) close(fd)
  }

  /** Whether all calls have ended: those that were not begun never are. */
  stop(): boolean {
    return this.#queue.stop(patience, abandon)
  }

  #put(job: Job): boolean {
    if (!this.#queue.put(job)) return false
    if (this.#queue.unattended > this.#summoned - this.#queue.present) this.#grow()
    return true
  }

  #grow(): void {
    if (this.#summoned >= this.#most) return
    this.#summoned++
    this.#summon()
  }
}
