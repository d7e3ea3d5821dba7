/** The threads of a mount's lanes, as the engine starts and ends them. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { FromThread, LaneStart } from './thread-messages.ts'

export class LaneThreads {
  readonly #common: Omit<LaneStart, 'thread'>
  readonly #hear: (message: FromThread) => void
  readonly #fail: (error: Error) => void
  readonly #threads: Worker[] = []
  readonly #arrivals: Promise<unknown>[] = []

  /** `fail` is told what ended a lane that should have gone on. */
  constructor(
    common: Omit<LaneStart, 'thread'>,
    hear: (message: FromThread) => void,
    fail: (error: Error) => void,
  ) {
    this.#common = common
    this.#hear = hear
    this.#fail = fail
  }

  start(): void {
    const workerData: LaneStart = { ...this.#common, thread: 1 + this.#threads.length }
    const thread = new Worker(new URL('./lane.js', import.meta.url), { workerData })
    thread.on('message', this.#hear)
    thread.on('error', this.#fail)
    this.#threads.push(thread)
    const arrival = once(thread, 'message')
    arrival.catch(this.#fail)
    this.#arrivals.push(arrival)
  }

  /** Fulfilled when those that were started take jobs. */
  async arrived(): Promise<void> {
    await Promise.all(this.#arrivals)
  }

  /** Fulfilled when they are gone: one that hangs in a call goes when the call does. */
  async end(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.terminate()))
  }
}
