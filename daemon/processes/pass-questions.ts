/**
 * The primary's part in what workers ask of control: it passes questions on without reading them, bounds how many
 * a worker has open, and answers for control where that is away.
 */
import type { Answer, FromControl, FromWorker, ToControl } from './messages.ts'
import type { ProcessName } from './process-view.ts'

/** Questions of one worker that control may be at. */
const mostOpen = 64

const unavailable = (message: string): Answer => ({ fault: { code: 'ServiceUnavailable', message } })

export interface QuestionPasserOptions {
  /** Control does its work. */
  readonly controlIsThere: () => boolean
  readonly sayToControl: (message: ToControl) => void
  readonly sayToWorker: (to: ProcessName, id: string, answer: Answer) => void
}

export class QuestionPasser {
  readonly #options: QuestionPasserOptions
  /** The ids of each worker's open questions. */
  readonly #open = new Map<ProcessName, Set<string>>()

  constructor(options: QuestionPasserOptions) {
    this.#options = options
  }

  ask(from: ProcessName, { id, name, question }: Extract<FromWorker, { type: 'ask' }>): void {
    const open = this.#open.get(from) ?? new Set()
    this.#open.set(from, open)
    // It would get two answers.
    if (open.has(id)) return
    const refuse = (why: string) => this.#options.sayToWorker(from, id, unavailable(why))
    if (!this.#options.controlIsThere())
      return refuse('The control process is away; it is being started again.')
    if (open.size >= mostOpen) return refuse('Too many requests wait for the control process.')
    open.add(id)
    this.#options.sayToControl({ type: 'ask', from, id, name, question })
  }

  answered({ to, id, answer }: Extract<FromControl, { type: 'answer' }>): void {
    // It may have been answered for control, or be the question of a worker that is gone.
    if (this.#open.get(to)?.delete(id) === true) this.#options.sayToWorker(to, id, answer)
  }

  workerEnded(name: ProcessName): void {
    this.#open.delete(name)
  }

  controlEnded(): void {
    for (const [name, open] of this.#open)
      for (const id of open)
        this.#options.sayToWorker(name, id, unavailable('The control process ended before it answered.'))
    this.#open.clear()
  }
}
