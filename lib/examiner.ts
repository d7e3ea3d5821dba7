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

/** Milliseconds for an answer once the process has begun, and for it to begin. */
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
  /** Places that are being asked about: who asks again waits for what becomes of that. */
  readonly #asked = new Set<string>()
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
    const still = this.#waiting.splice(0).filter((question) => !this.#settles(question))
    this.#waiting.unshift(...still)
  }

  /** Whether the question needn't wait any more: it is asked, or answered. */
  #settles(question: Question): boolean {
    const { place } = question
    if (this.#lost.has(place) || this.#lost.size >= mostLost) {
      question.reject(
        this.#lost.has(place)
          ? unanswered(place)
          : new Fault('DiskOffline', `${place}: not asked, for ${mostLost} others do not answer`),
      )
      return true
    }
    if (this.#asked.has(place)) return false
    const free = [...this.#askers].find(({ isFree }) => isFree)
    if (free === undefined && this.#askers.size >= mostAsking) return false
    const asker = free ?? new Asker((gone) => this.#askers.delete(gone))
    this.#askers.add(asker)
    this.#asked.add(place)
    asker.ask(question, {
      lost: (held) => this.#lose(place, held),
      done: () => {
        this.#asked.delete(place)
        this.#next()
      },
    })
    return true
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

/** What is told of a question on its way. */
interface Course {
  /** The process waits too long, and is left behind. */
  readonly lost: (held: ChildProcess) => void
  /** It is settled. */
  readonly done: () => void
}

/** One process, at one question at a time. */
class Asker {
  readonly #process: ChildProcess
  readonly #gone: (self: Asker) => void
  #question: Question | undefined
  #course: Course | undefined
  #timer: NodeJS.Timeout | undefined
  #hasBegun = false

  constructor(gone: (self: Asker) => void) {
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

  ask(question: Question, course: Course): void {
    this.#question = question
    this.#course = course
    this.#process.ref()
    this.#process.channel?.ref()
    this.#process.send(question.message, () => {})
    this.#wait(this.#hasBegun ? patience : bootTime)
  }

  #wait(milliseconds: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      const [question, course] = [this.#question, this.#course]
      this.#leave()
      course?.lost(this.#process)
      question?.reject(unanswered(question.place))
      course?.done()
    }, milliseconds)
  }

  #heard(said: FromExaminer): void {
    const [question, course] = [this.#question, this.#course]
    if ('begun' in said) {
      this.#hasBegun = true
      if (question !== undefined) this.#wait(patience)
      return
    }
    if (question === undefined) return
    clearTimeout(this.#timer)
    this.#question = undefined
    this.#course = undefined
    this.#process.unref()
    this.#process.channel?.unref()
    this.#timer = setTimeout(() => {
      this.#leave()
      this.#process.disconnect()
    }, idleTime).unref()
    if ('found' in said) question.resolve(said.found)
    else if ('fault' in said) question.reject(new Fault(said.fault.code, said.fault.message))
    else question.reject(new SystemError(said.error.errno, said.error.message))
    course?.done()
  }

  #ended(error: Error): void {
    const [question, course] = [this.#question, this.#course]
    this.#leave()
    question?.reject(error)
    course?.done()
  }

  /** From now on this one is asked nothing. */
  #leave(): void {
    clearTimeout(this.#timer)
    this.#question = undefined
    this.#course = undefined
    this.#gone(this)
  }
}

const unanswered = (place: string): Fault =>
  new Fault('DiskOffline', `${place} does not answer (is the server or the daemon of its file system away?)`)
