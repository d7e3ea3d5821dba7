/**
 * What S3 workers may ask of control, which alone has the store: every question is a row, and what has no row is
 * not answered. Control has one handler a row (control/answers.ts).
 */
import { parseDiskId } from '../../lib/disk.ts'
import { brand, object, tags, text, type Parse } from '../../lib/json-values.ts'

interface Row<Question, Answer> {
  /** Checks what was asked: a worker talks to strangers, and may have been taken over by one. */
  readonly parse: Parse<Question>
  /** Only a type. */
  readonly answer?: Answer
}

const row =
  <Answer>() =>
  <Question>(parse: Parse<Question>): Row<Question, Answer> => ({ parse })

export const questions = {
  /** A disk whose S3 door may write is to have these tags and no others; answered when every door shows them. */
  replaceTags: row<null>()(object({ diskId: brand(parseDiskId, 'the id of a disk'), tags })),
  /** Whether a share link of version 1, the raw path of its URL, is one of ours. */
  checkOldLink: row<null>()(object({ path: text(1, 16_384) })),
} as const

export type QuestionName = keyof typeof questions
export type QuestionOf<N extends QuestionName> = ReturnType<(typeof questions)[N]['parse']>
/** All of them may be null. */
export type AnswerTo<N extends QuestionName> = Exclude<(typeof questions)[N]['answer'], undefined>
