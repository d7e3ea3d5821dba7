/**
 * Asks file systems that may not answer, without being held up by one that doesn't. A process asks, which holds nothing
 * of ours: neither a lock nor a socket. One that waits too long is left behind, and what it asked about counts as not
 * answering until it has its answer.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { childEnvironment } from './config.ts'
import { Fault } from './errors.ts'
import type { Asked, ExaminationName, Found } from './examinations.ts'
import type { FromExaminer, ToExaminer } from './examiner-process.ts'
import { SystemError } from './sys/errno.ts'

/** Milliseconds for an answer, and for the process to begin. */
const patience = 3_000
const bootTime = 20_000
/** Milliseconds after which a process that has nothing to do ends. */
const idleTime = 5_000
/** Processes that ask at one time, and that may be left behind. */
const mostAsking = 4
const mostLost = 16

const program = fileURLToPath(new URL('./examiner-process.js', import.meta.url))

interface Question {
  readonly message: ToExaminer
  /** What is examined, for the message that it doesn't answer. */
  readonly place: string
  readonly resolve: (found: unknown) => void
  readonly reject: (why: Error) => void
}

export class Examiner {
  readonly #waiting: Question[] = []
  readonly #askers = new Set<Asker>()
  /** By place: the processes that it holds. */
  readonly #lost = new Map<string, ChildProcess>()
  readonly #endLost = () => {
    for (const held of this.#lost.values()) held.kill('SIGKILL')
  }

  /**
   * `place` is the path that the question is about. Throws what the examination throws, and DiskOffline where there is
   * no answer in three seconds.
   */
  ask<N extends ExaminationName>(name: N, place: string, question: Asked<N>): Promise<Found<N>> {
    return new Promise((resolve, reject) => {
      const settle = resolve as (found: unknown) => void
      this.#waiting.push({ message: { name, question }, place, resolve: settle, reject })
      this.#next()
    })
  }

  #next(): void {
    for (let question; (question = this.#waiting[0]) !== undefined; this.#waiting.shift()) {
      const { place } = question
      if (this.#lost.has(place) || this.#lost.size >= mostLost) {
        question.reject(
          this.#lost.has(place)
            ? unanswered(place)
            : new Fault('DiskOffline', `${place}: not asked, for ${mostLost} others do not answer`),
        )
        continue
      }
      const free = [...this.#askers].find(({ isFree }) => isFree)
      if (free === undefined && this.#askers.size >= mostAsking) return
      const asker =
        free ??
        new Asker(
          () => this.#next(),
          (gone) => this.#askers.delete(gone),
        )
      this.#askers.add(asker)
      asker.ask(question, (held) => this.#lose(place, held))
    }
  }

  #lose(place: string, held: ChildProcess): void {
    if (this.#lost.size === 0) process.on('exit', this.#endLost)
    this.#lost.set(place, held)
    held.unref()
    held.channel?.unref()
    const found = () => {
      this.#lost.delete(place)
      if (this.#lost.size === 0) process.off('exit', this.#endLost)
      held.kill('SIGKILL')
    }
    held.once('message', found)
    held.once('exit', found)
  }
}

/** One process, at one question at a time. */
class Asker {
  readonly #process: ChildProcess
  readonly #next: () => void
  readonly #gone: (self: Asker) => void
  #question: Question | undefined
  #timer: NodeJS.Timeout | undefined
  #hasBegun = false

  constructor(next: () => void, gone: (self: Asker) => void) {
    this.#next = next
    this.#gone = gone
    this.#process = fork(program, {
      stdio: ['ignore', 2, 2, 'ipc'],
      env: childEnvironment(),
      execArgv: [],
      cwd: '/',
    })
    this.#process.on('message', (said: FromExaminer) => this.#heard(said))
    this.#process.once('error', (error) => this.#ended(error))
    this.#process.once('exit', () => this.#ended(new Error('the process that examines ended')))
  }

  get isFree(): boolean {
    return this.#question === undefined
  }

  /** `lost` is told of a process that waits too long. */
  ask(question: Question, lost: (held: ChildProcess) => void): void {
    this.#question = question
    clearTimeout(this.#timer)
    this.#process.ref()
    this.#process.channel?.ref()
    this.#process.send(question.message, () => {})
    this.#timer = setTimeout(
      () => {
        this.#leave()
        lost(this.#process)
        question.reject(unanswered(question.place))
        this.#next()
      },
      this.#hasBegun ? patience : bootTime,
    )
  }

  #heard(said: FromExaminer): void {
    const question = this.#question
    this.#hasBegun = true
    if (question === undefined) return
    clearTimeout(this.#timer)
    this.#question = undefined
    this.#process.unref()
    this.#process.channel?.unref()
    this.#timer = setTimeout(() => {
      this.#leave()
      this.#process.disconnect()
    }, idleTime).unref()
    if ('found' in said) question.resolve(said.found)
    else if ('fault' in said) question.reject(new Fault(said.fault.code, said.fault.message))
    else question.reject(new SystemError(said.error.errno, said.error.message))
    this.#next()
  }

  #ended(error: Error): void {
    const question = this.#question
    this.#leave()
    question?.reject(error)
    this.#next()
  }

  /** From now on this one is asked nothing. */
  #leave(): void {
    clearTimeout(this.#timer)
    this.#question = undefined
    this.#gone(this)
  }
}

const unanswered = (place: string): Fault =>
  new Fault('DiskOffline', `${place} does not answer (is the server or the daemon of its file system away?)`)
