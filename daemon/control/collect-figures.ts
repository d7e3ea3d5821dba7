/** Asks workers and mounts for their figures, and waits for those that answer. */
import type { DiskId } from '../../lib/disk.ts'
import type { MountStatistics } from '../../mount/engine.ts'
import type { FromControl, ToControl } from '../processes/messages.ts'
import type { ProcessName } from '../processes/process-view.ts'
import type { S3Figures } from '../metrics/tally.ts'

export interface CollectedFigures {
  /** By process. */
  readonly workers: ReadonlyMap<ProcessName, S3Figures>
  readonly mounts: ReadonlyMap<DiskId, MountStatistics>
  /** Who answered in time. */
  readonly answered: ReadonlySet<ProcessName>
}

interface Open {
  readonly workers: Map<ProcessName, S3Figures>
  readonly mounts: Map<DiskId, MountStatistics>
  readonly answered: Set<ProcessName>
  /** undefined until the primary has said. */
  asked: readonly ProcessName[] | undefined
  readonly done: () => void
}

type Heard = Extract<ToControl, { type: 'asked' | 'measured' }>

/** Milliseconds for an answer: a mount whose disk hangs doesn't answer, and keeps nobody else waiting. */
const patience = 2_000

export class FigureCollector {
  readonly #say: (message: FromControl) => void
  readonly #open = new Map<number, Open>()
  #last = 0

  constructor(say: (message: FromControl) => void) {
    this.#say = say
  }

  async collect(): Promise<CollectedFigures> {
    const question = ++this.#last
    let done!: () => void
    const all = new Promise<void>((resolve) => (done = resolve))
    const open: Open = {
      workers: new Map(),
      mounts: new Map(),
      answered: new Set(),
      asked: undefined,
      done,
    }
    this.#open.set(question, open)
    const timer = setTimeout(done, patience)
    this.#say({ type: 'measure', question })
    await all
    clearTimeout(timer)
    this.#open.delete(question)
    return open
  }

  hear(message: Heard): void {
    const open = this.#open.get(message.question)
    if (open === undefined) return
    if (message.type === 'asked') open.asked = message.processes
    else {
      open.answered.add(message.process)
      if (message.of === 'worker') open.workers.set(message.process, message.figures)
      else open.mounts.set(message.diskId, message.figures)
    }
    if (open.asked?.every((process) => open.answered.has(process)) === true) open.done()
  }
}
