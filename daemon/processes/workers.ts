/**
 * The S3 workers. Here they are started, given what they serve by, replaced when they don't take it in time,
 * and stopped.
 */
import type { Config } from '../../lib/config.ts'
import type { DiskId } from '../../lib/disk.ts'
import { Fault } from '../../lib/errors.ts'
import type { ListenAddress } from '../../lib/listen-address.ts'
import type { Log } from '../../lib/log.ts'
import type { S3Figures } from '../metrics/tally.ts'
import type { ChangeRecord } from './change-record.ts'
import { Child } from './child.ts'
import { parseFromWorker } from './from-worker.ts'
import type { Answer, DoorRecord, FromWorker, ToWorker } from './messages.ts'
import { workerName, type ProcessName, type ProcessView } from './process-view.ts'

/** Milliseconds that a live worker may take to say that it serves by the latest records before it is replaced. */
const applyTime = 5_000
/** The same for one that is still starting: on a busy machine that alone takes seconds. */
const bootTime = 60_000
/** Messages of changes that one worker may have under way; a sound one has one (tell-mounts.ts). */
const mostTelling = 16

interface Worker {
  readonly child: Child<FromWorker, ToWorker>
  /** The version that it serves by; 0: none yet. */
  applied: number
  overdue: NodeJS.Timeout | undefined
  /** Of its changes, those that mounts are being told of. */
  telling: number
}

export interface WorkersOptions {
  readonly config: Config
  readonly log: Log
  /** Where the S3 door listens, and the descriptor of that socket. */
  readonly listen: ListenAddress
  readonly socketFd: number
  /** The lock's, which they inherit. */
  readonly lockFd: number
  /** One of them does its work. */
  readonly ready: () => void
  /** Every worker that runs serves by this version or by a later one. */
  readonly published: (version: number) => void
  readonly asked: (process: ProcessName, question: Extract<FromWorker, { type: 'ask' }>) => void
  /** Has the mounts told of changes; resolves when they have been. */
  readonly tell: (changes: readonly ChangeRecord[]) => Promise<void>
  /** Whether requests for the disk may be passed on to its own process, which is started if need be. */
  readonly reach: (diskId: DiskId) => boolean
  readonly measured: (process: ProcessName, question: number, figures: S3Figures) => void
  /** One can't do its work, and another start would not help. */
  readonly failed: (fault: Fault) => void
  /** One ended without being asked to. Answer false to leave it so. */
  readonly crashed: (process: ProcessName, how: string) => boolean
  /** Something of `views` changed. */
  readonly changed: () => void
}

export class Workers {
  readonly #options: WorkersOptions
  readonly #workers: readonly Worker[]
  #doors: DoorRecord | undefined

  constructor(options: WorkersOptions) {
    this.#options = options
    this.#workers = Array.from({ length: options.config.workers }, (_, i) => this.#worker(workerName(i)))
  }

  get views(): readonly ProcessView[] {
    return this.#workers.map(({ child }) => child.view)
  }

  get areReady(): boolean {
    return this.#workers.every(({ child }) => child.view.state === 'ready')
  }

  /** Has them serve by these records; the first ones start them. */
  apply(doors: DoorRecord): void {
    this.#doors = doors
    for (const worker of this.#workers) {
      if (!worker.child.running) worker.child.start()
      else {
        worker.child.say({ type: 'doors', doors })
        this.#expect(worker)
      }
    }
    this.#checkPublished()
  }

  /** Asks each one that does its work for its figures: who was asked. */
  measure(question: number): ProcessName[] {
    const ready = this.#workers.filter(({ child }) => child.view.state === 'ready')
    for (const { child } of ready) child.say({ type: 'measure', question })
    return ready.map(({ child }) => child.view.name)
  }

  answer(process: ProcessName, id: string, answer: Answer): void {
    const asker = this.#workers.find(({ child }) => child.view.name === process)
    asker?.child.say({ type: 'answer', id, answer })
  }

  async stop(drain: number): Promise<void> {
    for (const worker of this.#workers) clearTimeout(worker.overdue)
    await Promise.all(this.#workers.map(({ child }) => child.stop({ type: 'stop', drain }, drain)))
  }

  #worker(name: ProcessName): Worker {
    const { config, log, listen, socketFd, lockFd, changed } = this.#options
    const child: Child<FromWorker, ToWorker> = new Child<FromWorker, ToWorker>({
      role: 'worker',
      name,
      module: 'worker.js',
      fd: socketFd,
      lockFd,
      log,
      check: parseFromWorker,
      started: () => {
        worker.applied = 0
        if (this.#doors === undefined) return
        child.say({ type: 'start', config, doors: this.#doors, listen })
        this.#expect(worker)
      },
      hear: {
        ready: () => {
          child.ready()
          this.#options.ready()
        },
        failed: ({ code, message }) => this.#options.failed(new Fault(code, message)),
        applied: ({ version }) => {
          worker.applied = version
          if (version >= (this.#doors?.version ?? 0)) clearTimeout(worker.overdue)
          this.#checkPublished()
        },
        measured: ({ question, figures }) => this.#options.measured(name, question, figures),
        ask: (message) => this.#options.asked(name, message),
        changed: ({ id, changes }) => void this.#tell(worker, id, changes),
        reach: ({ id, diskId }) => child.say({ type: 'reached', id, isThere: this.#options.reach(diskId) }),
      },
      crashed: (how) => {
        clearTimeout(worker.overdue)
        const again = this.#options.crashed(name, how)
        this.#checkPublished()
        return again
      },
      changed,
    })
    const worker: Worker = { child, applied: 0, overdue: undefined, telling: 0 }
    return worker
  }

  async #tell(worker: Worker, id: string, changes: readonly ChangeRecord[]): Promise<void> {
    if (worker.telling >= mostTelling) {
      this.#options.log.error('child.nonsense', {
        role: 'worker',
        pid: worker.child.view.pid,
        error: 'too many changes',
      })
      return
    }
    worker.telling++
    await this.#options.tell(changes)
    worker.telling--
    worker.child.say({ type: 'told', id })
  }

  /** A worker that doesn't take the records in time may be serving somebody who was revoked: it is replaced. */
  #expect(worker: Worker): void {
    clearTimeout(worker.overdue)
    const { state, pid } = worker.child.view
    const milliseconds = state === 'ready' ? applyTime : bootTime
    worker.overdue = setTimeout(() => {
      this.#options.log.error('worker.unresponsive', { pid, milliseconds })
      worker.child.kill()
    }, milliseconds)
  }

  #checkPublished(): void {
    const version = this.#doors?.version
    if (version === undefined) return
    const all = this.#workers.every(({ child, applied }) => !child.running || applied >= version)
    if (all) this.#options.published(version)
  }
}
