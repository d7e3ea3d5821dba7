/** A worker's questions to control, and their answers, by way of the primary. */
import { randomUUID } from 'node:crypto'
import { Fault } from '../../lib/errors.ts'
import type { Answer, FromWorker, ToWorker } from './messages.ts'
import type { AnswerTo, QuestionName, QuestionOf } from './questions.ts'

/** Milliseconds for an answer. Control may wait for a worker that has to be replaced, which takes five seconds. */
const patience = 10_000

export class ControlAsker {
  readonly #say: (message: FromWorker) => void
  /** By an id that is no other process's, since a worker's answer may come when the next has its place. */
  readonly #open = new Map<string, (answer: Answer) => void>()

  constructor(say: (message: FromWorker) => void) {
    this.#say = say
  }

  /**
   * Throws the Fault that control answered with, or ServiceUnavailable where control is away, restarts
   * meanwhile or takes too long: what was asked for may have been done all the same.
   */
  ask<N extends QuestionName>(name: N, question: QuestionOf<N>): Promise<AnswerTo<N>> {
    const id = randomUUID()
    return new Promise((resolve, reject) => {
      const settle = (answer: Answer) => {
        clearTimeout(timer)
        this.#open.delete(id)
        if ('fault' in answer) reject(new Fault(answer.fault.code, answer.fault.message))
        else resolve(answer.value as AnswerTo<N>)
      }
      const timer = setTimeout(settle, patience, {
        fault: { code: 'ServiceUnavailable', message: 'The control process takes too long to answer.' },
      })
      this.#open.set(id, settle)
      this.#say({ type: 'ask', id, name, question: JSON.stringify(question) })
    })
  }

  heard({ id, answer }: Extract<ToWorker, { type: 'answer' }>): void {
    this.#open.get(id)?.(answer)
  }
}
