/** The process of examiner.ts: it may be held in the kernel for as long as a file system likes, and may be killed. */
import { Fault, type FaultCode } from './errors.ts'
import { examinations, type Asked, type ExaminationName } from './examinations.ts'
import { errnoOf } from './sys/errno.ts'

export interface ToExaminer {
  readonly name: ExaminationName
  readonly question: Asked<ExaminationName>
}
export type FromExaminer =
  /** It hears from now on. */
  | { readonly begun: true }
  | { readonly found: unknown }
  | { readonly fault: { readonly code: FaultCode; readonly message: string } }
  | { readonly error: { readonly message: string; readonly errno: number } }

process.title = 'twofold examiner'
// Whoever asks decides when it ends.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
process.once('disconnect', () => process.exit(0))

process.on('message', ({ name, question }: ToExaminer) => {
  process.send?.(answer(name, question))
})

process.send?.({ begun: true } satisfies FromExaminer)

function answer<N extends ExaminationName>(name: N, question: Asked<N>): FromExaminer {
  const examine = examinations[name] as (question: Asked<N>) => unknown
  try {
    return { found: examine(question) }
  } catch (thrown) {
    if (thrown instanceof Fault) return { fault: { code: thrown.code, message: thrown.message } }
    return { error: { message: String(thrown), errno: errnoOf(thrown) } }
  }
}
