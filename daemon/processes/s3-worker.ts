/**
 * One S3 worker's process as the primary sees it: the records that it serves by, the directories that its domain
 * lets it read, and whether it accepts connections.
 */
import type { Config } from '../../lib/config.ts'
import type { DiskId } from '../../lib/disk.ts'
import { Fault } from '../../lib/errors.ts'
import { dropConnections } from '../../lib/sys/left-behind.ts'
import type { ListenAddress } from '../../lib/listen-address.ts'
import type { Log } from '../../lib/log.ts'
import type { S3Figures } from '../metrics/tally.ts'
import type { ChangeRecord } from './change-record.ts'
import { Child } from './child.ts'
import type { Confinement, Reach } from './confinement.ts'
import { parseFromWorker } from './from-worker.ts'
import type { Answer, DoorRecord, FromWorker, ToWorker } from './messages.ts'
import { beat, type Suspects } from './suspects.ts'
import type { ProcessName, ProcessView } from './process-view.ts'

/** Milliseconds that a live worker may take to do as it was told before it is replaced. */
const applyTime = 5_000
/** The same for one that is still starting: on a busy machine that alone takes seconds. */
export const bootTime = 60_000
/** Messages of changes that one worker may have under way; a sound one has one (tell-mounts.ts). */
const mostTelling = 16

export interface S3WorkerOptions {
  readonly config: Config
  readonly log: Log
  /** Where the S3 door listens, and the descriptor of that socket. */
  readonly listen: ListenAddress
  readonly socketFd: number
  /** The lock's, which it inherits. */
  readonly lockFd: number
  /** Asked at each start. */
  readonly confinement: () => Confinement
  /** What it is to serve by, asked at each start. */
  readonly doors: () => DoorRecord
  readonly suspects: Suspects
  /** A disk has become one of them. */
  readonly suspected: () => void
  /** It does its work. */
  readonly ready: () => void
  /** It serves by other records than before, accepts no longer, or is gone. */
  readonly moved: () => void
  readonly asked: (question: Extract<FromWorker, { type: 'ask' }>) => void
  /** Has the mounts told of changes; resolves when they have been. */
  readonly tell: (changes: readonly ChangeRecord[]) => Promise<void>
  /** Whether requests for the disk may be passed on to its own process, which is started if need be. */
  readonly reach: (diskId: DiskId) => boolean
  readonly measured: (question: number, figures: S3Figures) => void
  /** Its domain keeps a disk from it whose root is there. */
  readonly refused: (diskId: DiskId) => void
  /** It can't do its work, and another start would not help. */
  readonly failed: (fault: Fault) => void
  /** It ended without being asked to. Answer false to leave it so. */
  readonly crashed: (how: string) => boolean
  /** It ended as it was asked to. */
  readonly left: () => void
  /** Something of `view` changed. */
  readonly changed: () => void
}

export class S3Worker {
  readonly #options: S3WorkerOptions
  readonly #child: Child<FromWorker, ToWorker>
  /** By which it is known to control, in its questions: no two workers of one primary have the same. */
  readonly id: ProcessName
  #name: ProcessName
  /** The versions that it was told last and that it serves by; 0: none yet. */
  #told = 0
  #applied = 0
  /** What its domain lets it read, by `reachKey`. */
  #reach = new Set<string>()
  #connects = false
  #accepts = false
  #overdue: NodeJS.Timeout | undefined
  readonly #beating: NodeJS.Timeout
  #isBeating = false
  /** Of its changes, those that mounts are being told of. */
  #telling = 0

  constructor(id: ProcessName, name: ProcessName, options: S3WorkerOptions) {
    this.id = id
    this.#name = name
    this.#options = options
    const { log, socketFd, lockFd, changed } = options
    this.#child = new Child<FromWorker, ToWorker>({
      role: 'worker',
      name,
      module: 'worker.js',
      fd: socketFd,
      lockFd,
      log,
      check: parseFromWorker,
      confinement: () => {
        const confinement = options.confinement()
        this.#reach = new Set(confinement.reads.map(reachKey))
        this.#connects = confinement.connects
        this.#applied = 0
        this.#told = 0
        this.#accepts = true
        return confinement
      },
      started: () => {
        const doors = options.doors()
        this.#told = doors.version
        this.#child.say({
          type: 'start',
          config: options.config,
          doors,
          listen: options.listen,
          suspects: options.suspects.ids,
        })
        this.#expect()
      },
      hear: {
        ready: () => {
          if (this.#child.view.state !== 'starting') return
          this.#child.ready()
          options.ready()
        },
        failed: ({ code, message }) => options.failed(new Fault(code, message)),
        applied: ({ version }) => this.#heardApplied(version),
        retired: () => {
          // Only who was asked to: `#told` of another would wait for ever for who accepts.
          if (this.#child.view.state !== 'stopping') return
          this.#accepts = false
          this.#settle()
        },
        refused: ({ diskId }) => options.refused(diskId),
        measured: ({ question, figures }) => options.measured(question, figures),
        ask: (message) => options.asked(message),
        changed: ({ id, changes }) => void this.#tell(id, changes),
        reach: ({ id, diskId }) => this.#child.say({ type: 'reached', id, isThere: options.reach(diskId) }),
      },
      crashed: (how) => {
        clearTimeout(this.#overdue)
        this.#accepts = false
        const again = options.crashed(how)
        options.moved()
        return again
      },
      left: () => {
        clearTimeout(this.#overdue)
        clearInterval(this.#beating)
        this.#accepts = false
        options.left()
        options.moved()
      },
      changed,
    })
    this.#beating = setInterval(() => void this.#beat(), beat.every).unref()
  }

  get view(): ProcessView {
    return { ...this.#child.view, name: this.#name }
  }

  get running(): boolean {
    return this.#child.running
  }

  /** New connections may come to it. */
  get accepts(): boolean {
    return this.#accepts
  }

  set name(name: ProcessName) {
    this.#name = name
    this.#options.changed()
  }

  /** Whether it serves by that version or by a later one. */
  hasApplied(version: number): boolean {
    return this.#applied >= version
  }

  /** Whether it may read all of these, and connect if that is needed. */
  covers(reads: readonly Reach[], connects: boolean): boolean {
    return (this.#connects || !connects) && reads.every((reach) => this.#reach.has(reachKey(reach)))
  }

  /** Its domain doesn't let it read this any more, since something else is there now. */
  lost(reach: Reach): void {
    this.#reach.delete(reachKey(reach))
  }

  /** Has it serve by these records; the first ones start it. */
  apply(doors: DoorRecord): void {
    if (!this.running) return this.#child.start()
    // One that is not yet what it is to become gets the latest when it is.
    if (this.#told === 0) return
    this.#told = doors.version
    this.#child.say({ type: 'doors', doors })
    this.#expect()
  }

  start(): void {
    this.#child.start()
  }

  say(message: ToWorker): void {
    this.#child.say(message)
  }

  answer(id: string, answer: Answer): void {
    this.#child.say({ type: 'answer', id, answer })
  }

  /** Has it accept no more, and end when the last of its connections has. */
  retire(): void {
    this.#child.retire({ type: 'retire' })
    if (this.running) this.#expect()
    else this.#accepts = false
  }

  stop(drain: number): Promise<void> {
    clearTimeout(this.#overdue)
    clearInterval(this.#beating)
    return this.#child.stop({ type: 'stop', drain }, drain)
  }

  /** One that waits for a disk is replaced, and the disk served elsewhere. Any other may take its time. */
  async #beat(): Promise<void> {
    const { state, pid } = this.#child.view
    if (pid === null || (state !== 'ready' && state !== 'stopping') || this.#isBeating) return
    this.#isBeating = true
    const answers = await this.#child.answers(beat.patience)
    this.#isBeating = false
    if (answers || this.#child.view.pid !== pid || !this.#options.suspects.isHeldBy(pid)) return
    this.#options.suspected()
    this.#child.kill()
    // It never answers them.
    dropConnections(pid)
  }

  #heardApplied(version: number): void {
    // What it was never told it can't serve by.
    if (version > this.#told || version < this.#applied)
      return this.#nonsense('a version that it was not told')
    this.#applied = version
    this.#settle()
  }

  /** It has done as it was told, all of it or a part. */
  #settle(): void {
    const mustRetire = this.#child.view.state === 'stopping' && this.#accepts
    if (this.#applied === this.#told && !mustRetire) clearTimeout(this.#overdue)
    this.#options.moved()
  }

  async #tell(id: string, changes: readonly ChangeRecord[]): Promise<void> {
    if (this.#telling >= mostTelling) return this.#nonsense('too many changes')
    this.#telling++
    await this.#options.tell(changes)
    this.#telling--
    this.#child.say({ type: 'told', id })
  }

  #nonsense(error: string): void {
    this.#options.log.error('child.nonsense', { role: 'worker', pid: this.#child.view.pid, error })
  }

  /** A worker that doesn't take the records in time may be serving somebody who was revoked: it is replaced. */
  #expect(): void {
    clearTimeout(this.#overdue)
    const { state, pid } = this.#child.view
    const milliseconds = state === 'starting' ? bootTime : applyTime
    this.#overdue = setTimeout(() => {
      this.#options.log.error('worker.unresponsive', { pid, milliseconds })
      this.#child.kill()
    }, milliseconds)
  }
}

const reachKey = ({ path, identity }: Reach): string => JSON.stringify([path, identity])
