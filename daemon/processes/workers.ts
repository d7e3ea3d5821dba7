/**
 * The S3 workers. Here they are started, given what they serve by, replaced when they don't take it in time,
 * and stopped.
 *
 * What a worker may read is settled before it starts (confinement.ts). So when a disk is added, bound anew, or its
 * file system was mounted again, each worker gets a successor: when that is ready, the older one accepts no more
 * and ends with the last of its connections.
 */
import type { Config } from '../../lib/config.ts'
import type { DiskId } from '../../lib/disk.ts'
import type { Fault } from '../../lib/errors.ts'
import type { ListenAddress } from '../../lib/listen-address.ts'
import type { Log } from '../../lib/log.ts'
import type { S3Figures } from '../metrics/tally.ts'
import type { ChangeRecord } from './change-record.ts'
import type { ProcessUser } from './confinement.ts'
import type { Answer, DoorRecord, FromWorker } from './messages.ts'
import { workerName, type ProcessName, type ProcessView } from './process-view.ts'
import { bootTime, S3Worker } from './s3-worker.ts'
import { Suspects } from './suspects.ts'
import { reachOf, workerConfinement, workerConnects, workerReads } from './worker-confinement.ts'

/** Of one worker, predecessors that may be ending at one time; the oldest gets its drain time when one more would. */
const mostLeaving = 4
/** Milliseconds between two successions because of roots that came back: doubled each time, forgotten after a while. */
const firstPause = 1_000
const longestPause = 300_000

/** A worker's place: who serves there, who is to, and who did. */
interface Place {
  readonly index: number
  current: S3Worker
  next: S3Worker | undefined
  /** Oldest first. */
  readonly leaving: S3Worker[]
  /** Runs while `next` may be waited for. */
  patience: NodeJS.Timeout | undefined
  /** `next` takes too long: nobody waits for it, and what `current` can't read is unavailable. */
  isLate: boolean
}

export interface WorkersOptions {
  readonly config: Config
  readonly log: Log
  /** Where the S3 door listens, and the descriptor of that socket. */
  readonly listen: ListenAddress
  readonly socketFd: number
  /** The lock's, which they inherit. */
  readonly lockFd: number
  /** Whom they run as; null for whoever we are. */
  readonly user: ProcessUser | null
  /** One of them does its work. */
  readonly ready: () => void
  /** Every worker that runs serves by this version or by a later one, and who accepts can read all of its disks. */
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
  /** One ended as it was asked to: nothing that was its is waited for. */
  readonly left: (process: ProcessName) => void
  /** Something of `views` changed. */
  readonly changed: () => void
}

export class Workers {
  readonly #options: WorkersOptions
  readonly #places: readonly Place[]
  readonly #suspects: Suspects
  #made = 0
  #doors: DoorRecord | undefined
  #stopping = false
  /** When, by the clock of `performance`, the last succession for a root that came back was, and the pause after it. */
  #renewedAt = -Infinity
  #pause = firstPause
  #renewal: NodeJS.Timeout | undefined

  constructor(options: WorkersOptions) {
    this.#options = options
    this.#suspects = new Suspects(options.log, () => this.#doors?.roster.disks ?? [])
    this.#places = Array.from({ length: options.config.workers }, (_, index) => {
      const place: Omit<Place, 'current'> = {
        index,
        next: undefined,
        leaving: [],
        patience: undefined,
        isLate: false,
      }
      return Object.assign(place, { current: this.#worker(() => this.#places[index], workerName(index)) })
    })
  }

  get views(): readonly ProcessView[] {
    return this.#all.map(({ view }) => view)
  }

  get areReady(): boolean {
    return this.#places.every(({ current }) => current.view.state === 'ready')
  }

  /** Has them serve by these records; the first ones start them. */
  apply(doors: DoorRecord): void {
    this.#doors = doors
    for (const worker of this.#all) worker.apply(doors)
    this.#renew()
    this.#checkPublished()
  }

  /** Asks each one that does its work for its figures: who was asked. */
  measure(question: number): ProcessName[] {
    const asked = this.#all.filter(({ view: { state } }) => state === 'ready' || state === 'stopping')
    for (const worker of asked) worker.say({ type: 'measure', question })
    return asked.map(({ view }) => view.name)
  }

  answer(process: ProcessName, id: string, answer: Answer): void {
    this.#all.find((worker) => worker.id === process)?.answer(id, answer)
  }

  async stop(drain: number): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#renewal)
    for (const { patience } of this.#places) clearTimeout(patience)
    await Promise.all(this.#all.map((worker) => worker.stop(drain)))
  }

  get #all(): S3Worker[] {
    return this.#places.flatMap(({ current, next, leaving }) => [
      current,
      ...(next === undefined ? [] : [next]),
      ...leaving,
    ])
  }

  #worker(placeOf: () => Place | undefined, name: ProcessName): S3Worker {
    const { config, log, listen, socketFd, lockFd, user, tell, reach, failed, changed } = this.#options
    const id = `worker/${++this.#made}`
    const worker: S3Worker = new S3Worker(id, name, {
      config,
      log,
      listen,
      socketFd,
      lockFd,
      tell,
      reach,
      failed,
      changed,
      suspects: this.#suspects,
      suspected: () => {
        for (const each of this.#all) each.say({ type: 'suspects', disks: this.#suspects.ids })
        this.#renew()
      },
      confinement: () => workerConfinement(user, this.#reads, this.#connects),
      doors: () => {
        if (this.#doors === undefined) throw new Error('a worker starts by the first records')
        return this.#doors
      },
      ready: () => {
        const place = placeOf()
        if (place?.next === worker) this.#succeed(place, worker)
        this.#options.ready()
      },
      moved: () => this.#checkPublished(),
      asked: (message) => this.#options.asked(id, message),
      measured: (question, figures) => this.#options.measured(worker.view.name, question, figures),
      refused: (diskId) => {
        if (placeOf()?.current === worker) this.#refused(worker, diskId)
      },
      crashed: (how) => this.#options.crashed(id, how),
      left: () => {
        const leaving = placeOf()?.leaving
        const at = leaving?.indexOf(worker) ?? -1
        if (at >= 0) leaving?.splice(at, 1)
        this.#options.left(id)
      },
    })
    return worker
  }

  get #reads() {
    // Opening such a root could hold up the start.
    const disks = (this.#doors?.roster.disks ?? []).filter(({ id }) => !this.#suspects.has(id))
    return workerReads(this.#options.config.state, disks)
  }

  get #connects() {
    return workerConnects(this.#options.user, this.#doors?.roster.disks ?? [], this.#suspects.ids.length)
  }

  /** Has a successor started where the newest worker of a place can't read all disks. */
  #renew(): void {
    if (this.#stopping) return
    for (const place of this.#places) {
      const { current, index } = place
      // One that is down reads what there is to read when it comes back; one that is to come has its turn first.
      if (place.next !== undefined || !current.running || current.covers(this.#reads, this.#connects))
        continue
      place.next = this.#worker(() => place, `${workerName(index)}-next`)
      place.next.start()
      place.patience = setTimeout(() => {
        place.isLate = true
        this.#options.log.warn('worker.late', { worker: workerName(index), milliseconds: bootTime })
        this.#checkPublished()
      }, bootTime)
    }
  }

  #succeed(place: Place, next: S3Worker): void {
    const { current, leaving } = place
    clearTimeout(place.patience)
    place.isLate = false
    place.current = next
    place.next = undefined
    leaving.push(current)
    current.name = `${current.view.name}-leaving-${current.id.slice('worker/'.length)}`
    next.name = workerName(place.index)
    current.retire()
    const { config, log } = this.#options
    const oldest = leaving[0]
    if (leaving.length > mostLeaving && oldest !== undefined) {
      log.warn('worker.cut', {
        pid: oldest.view.pid,
        reason: `${mostLeaving} others of its place are ending`,
      })
      void oldest.stop(config.drainTimeout)
    }
    this.#renew()
  }

  /** The root is there, and the domain of those who serve was made when something else was there, or nothing. */
  #refused(worker: S3Worker, diskId: DiskId): void {
    const disk = this.#doors?.roster.disks.find(({ id }) => id === diskId)
    const reach = disk === undefined ? undefined : reachOf(this.#options.config.state, disk)
    // A successor is under way where it isn't covered; and who takes a worker over may say anything.
    if (reach === undefined || !worker.covers([reach], false) || this.#renewal !== undefined) return
    const now = performance.now()
    if (now - this.#renewedAt > 2 * longestPause) this.#pause = firstPause
    const wait = Math.max(0, this.#renewedAt + this.#pause - now)
    this.#renewal = setTimeout(() => {
      this.#renewal = undefined
      this.#renewedAt = performance.now()
      this.#pause = Math.min(this.#pause * 2, longestPause)
      this.#options.log.info('worker.renewed', { disk: diskId, reason: 'its root came back' })
      for (const { current, next } of this.#places) for (const one of [current, next]) one?.lost(reach)
      this.#renew()
    }, wait)
  }

  #checkPublished(): void {
    const version = this.#doors?.version
    if (version === undefined) return
    const [reads, connects] = [this.#reads, this.#connects]
    const isThere = (worker: S3Worker, { isLate }: Place) =>
      !worker.running ||
      (worker.hasApplied(version) && (!worker.accepts || isLate || worker.covers(reads, connects)))
    const all = this.#places.every((place) =>
      [place.current, ...(place.next === undefined ? [] : [place.next]), ...place.leaving].every((worker) =>
        isThere(worker, place),
      ),
    )
    if (all) this.#options.published(version)
  }
}
