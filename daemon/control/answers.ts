/** Control's answers to what workers ask: one handler a question of the table. */
import { readShare, requireOldShare } from '../../lib/auth/share.ts'
import { Fault } from '../../lib/errors.ts'
import { knownFault } from '../../lib/storage-full.ts'
import type { Answer } from '../processes/messages.ts'
import { questions, type AnswerTo, type QuestionName, type QuestionOf } from '../processes/questions.ts'
import type { Daemon } from './daemon.ts'

const answers: {
  readonly [N in QuestionName]: (daemon: Daemon, question: QuestionOf<N>) => Promise<AnswerTo<N>>
} = {
  replaceTags: (daemon, { diskId, tags }) =>
    daemon.alone(async () => {
      const disk = daemon.disks.find(diskId)
      // Whoever took a worker over may as little as its door lets anybody.
      if (disk.settings.s3 !== 'rw') throw new Fault('AccessDenied', 'The disk takes no writes over S3.')
      await daemon.disks.change(disk, { tags })
      await daemon.publish()
      daemon.log.info('disk.changed', { disk: disk.id })
      return null
    }),

  async checkOldLink(daemon, { path }) {
    requireOldShare(daemon.keyring.keyring, readShare(path), daemon.oldLinksUntil)
    return null
  },
}

/** What a question gets: never a rejection. `question` is JSON from a worker, and nobody has read it yet. */
export async function answerQuestion(daemon: Daemon, name: string, question: string): Promise<Answer> {
  try {
    if (!isQuestion(name)) throw new Fault('InvalidRequest', `There is no question "${name}".`)
    return { value: await answer(daemon, name, parseJson(question)) }
  } catch (thrown) {
    const fault = asFault(thrown, daemon)
    return { fault: { code: fault.code, message: fault.message } }
  }
}

const isQuestion = (name: string): name is QuestionName => Object.hasOwn(questions, name)

const answer = <N extends QuestionName>(daemon: Daemon, name: N, question: unknown): Promise<AnswerTo<N>> =>
  answers[name](daemon, questions[name].parse(question, 'the question') as QuestionOf<N>)

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Fault('InvalidRequest', 'the question is not JSON')
  }
}

function asFault(thrown: unknown, daemon: Daemon): Fault {
  const known = knownFault(thrown, daemon.config.state)
  if (known !== undefined) return known
  daemon.log.error('bug', { operation: 'answer', error: thrown })
  return new Fault('InternalError')
}
