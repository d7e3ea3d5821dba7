/**
 * Asks whether roots are still themselves without being held up by one that doesn't answer: a file system whose
 * server or daemon is away keeps whoever asks it in the kernel. So a thread asks, one root after the other. A
 * thread that waits too long is left behind until its answer comes, and its root counts as offline until then.
 */
import { Worker } from 'node:worker_threads'
import type { Disk } from '../disk.ts'
import { exitNow } from '../sys/process.ts'
import type { FromExaminer } from './root-examiner-thread.ts'

/** Milliseconds that a root has for its answer. */
const patience = 3_000
/** Milliseconds after which a thread that has nothing to do ends. */
const idleTime = 5_000
/** Threads that may be left behind at one time. */
const mostLost = 16

interface Question {
  readonly disk: Disk
  readonly settle: (reason: string | undefined) => void
}

export class RootExaminer {
  readonly #waiting: Question[] = []
  #thread: Worker | undefined
  #ready = false
  #asked: Question | undefined
  /** Runs while a question is asked, and while the thread is idle. */
  #timer: NodeJS.Timeout | undefined
  /** By root: the threads that it holds. */
  readonly #lost = new Map<string, Worker>()

  /** One sentence when the root of `disk` can't be had as it was adopted, or undefined. */
  offline(disk: Disk): Promise<string | undefined> {
    return new Promise((settle) => {
      this.#waiting.push({ disk, settle })
      this.#next()
    })
  }

  #next(): void {
    if (this.#asked !== undefined) return
    const question = this.#waiting.shift()
    if (question === undefined) return
    const { disk, settle } = question
    if (this.#lost.has(disk.root) || this.#lost.size >= mostLost) {
      settle(
        this.#lost.has(disk.root)
          ? unanswered(disk)
          : `${disk.root}: not asked, for ${mostLost} other roots do not answer`,
      )
      return this.#next()
    }
    this.#asked = question
    clearTimeout(this.#timer)
    this.#thread ??= this.#start()
    this.#thread.ref()
    if (this.#ready) this.#ask(question, this.#thread)
  }

  #ask(question: Question, thread: Worker): void {
    thread.postMessage(question.disk)
    this.#timer = setTimeout(() => this.#leave(question, thread), patience)
  }

  #start(): Worker {
    this.#ready = false
    const thread = new Worker(new URL('./root-examiner-thread.js', import.meta.url))
    thread.on('message', (said: FromExaminer) => {
      if (thread !== this.#thread) {
        for (const [root, holding] of this.#lost) if (holding === thread) this.#lost.delete(root)
        if (this.#lost.size === 0) process.off('exit', endAtOnce)
        void thread.terminate()
      } else if (said.type === 'answer') this.#answered(said.reason)
      else {
        this.#ready = true
        if (this.#asked !== undefined) this.#ask(this.#asked, thread)
      }
    })
    thread.on('error', (error) => {
      if (thread !== this.#thread) return
      this.#thread = undefined
      this.#answered(`its root could not be examined: ${String(error)}`)
    })
    return thread
  }

  #answered(reason: string | undefined): void {
    clearTimeout(this.#timer)
    this.#thread?.unref()
    this.#timer = setTimeout(() => this.close(), idleTime).unref()
    const question = this.#asked
    this.#asked = undefined
    question?.settle(reason)
    this.#next()
  }

  #leave({ disk, settle }: Question, thread: Worker): void {
    thread.unref()
    this.#thread = undefined
    this.#asked = undefined
    // Node would wait for the thread at its end.
    if (this.#lost.size === 0) process.on('exit', endAtOnce)
    this.#lost.set(disk.root, thread)
    settle(unanswered(disk))
    this.#next()
  }

  /** Ends the thread, which a later question starts again. */
  close(): void {
    clearTimeout(this.#timer)
    void this.#thread?.terminate()
    this.#thread = undefined
  }
}

const endAtOnce = (status: number) => exitNow(status)

const unanswered = ({ root }: Disk): string =>
  `${root} does not answer (is the server or the daemon of its file system away?)`
