/**
 * The processes of disks that may not answer: each serves one disk, what the doors pass on to it, and nobody else
 * waits for it. Here they are started when a worker first asks for one, told the records that concern their disk,
 * and ended when nobody asks any more.
 *
 * One that hangs hears nothing, so it is told one thing at a time; and it may not even die of being killed. It holds
 * neither the state's lock nor the S3 socket, and no other is started in its place while it lives.
 */
import type { Config } from '../../lib/config.ts'
import type { DiskId } from '../../lib/disk.ts'
import { Fault } from '../../lib/errors.ts'
import type { ListenAddress } from '../../lib/listen-address.ts'
import type { Log } from '../../lib/log.ts'
import { Child, type ChildOptions } from './child.ts'
import { DiskSockets } from './disk-sockets.ts'
import { parseFromWorker } from './from-worker.ts'
import type { DoorRecord, FromWorker, ToWorker } from './messages.ts'
import { diskProcessName, type ProcessView } from './process-view.ts'
import { reachedFor } from './reach-disks.ts'

/** More of them than anybody needs: a disk beyond gets SlowDown. */
const most = 64
/** Milliseconds without a worker that asks for it, after which one is ended. */
const idleTime = 4 * reachedFor

/** Milliseconds for one to end by itself: one whose disk hangs doesn't. */
const endTime = 1_000

interface DiskProcess {
  readonly child: Child<FromWorker, ToWorker>
  readonly socketFd: number
  /** When a worker last asked for it, performance.now(). */
  asked: number
  /** The version that it is being told of; 0: none. */
  telling: number
  applied: number
  isLeaving: boolean
}

export interface DiskProcessesOptions extends Pick<ChildOptions<FromWorker>, 'confinement' | 'lockFd'> {
  readonly config: Config
  readonly log: Log
  readonly listen: ListenAddress
  /** Something of `views` changed. */
  readonly changed: () => void
}

export class DiskProcesses {
  readonly #options: DiskProcessesOptions
  readonly #sockets: DiskSockets
  readonly #processes = new Map<DiskId, DiskProcess>()
  readonly #timer: NodeJS.Timeout
  readonly #ending = new Set<Promise<void>>()
  #doors: DoorRecord | undefined
  #isStopping = false

  constructor(options: DiskProcessesOptions) {
    this.#options = options
    this.#sockets = new DiskSockets(options.config.state)
    this.#timer = setInterval(() => this.#endIdle(), reachedFor).unref()
  }

  get views(): readonly ProcessView[] {
    return [...this.#processes.values()].map(({ child }) => child.view)
  }

  /** Has them serve by these records, each as soon as it hears; a disk that is gone, or let go of, takes its process along. */
  apply(doors: DoorRecord): void {
    this.#doors = doors
    const live = new Set(doors.roster.disks.filter(({ letGo }) => !letGo).map(({ id }) => id))
    for (const [id, one] of this.#processes) {
      if (live.has(id)) this.#tell(id, one)
      else void this.#end(id, one)
    }
  }

  /** Resolves when those that were to end have, as far as they can be ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#ending)
  }

  /** Whether the disk has a process now, or one that starts. */
  reach(diskId: DiskId): boolean {
    const one = this.#processes.get(diskId)
    if (one !== undefined) {
      one.asked = performance.now()
      return !one.isLeaving
    }
    const isKnown = this.#doors?.roster.disks.some(({ id, letGo }) => id === diskId && !letGo) === true
    if (!isKnown || this.#isStopping || this.#processes.size >= most) return false
    this.#start(diskId)
    return true
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    clearInterval(this.#timer)
    for (const [id, one] of this.#processes) void this.#end(id, one)
    await this.settled()
  }

  #start(diskId: DiskId): void {
    const { config, log, listen, lockFd, confinement, changed } = this.#options
    const socketFd = this.#sockets.open(diskId)
    const child: Child<FromWorker, ToWorker> = new Child<FromWorker, ToWorker>({
      role: 'disk',
      name: diskProcessName(diskId),
      module: 'worker.js',
      fd: socketFd,
      lockFd,
      diskId,
      log,
      ...(confinement === undefined ? {} : { confinement }),
      check: parseFromWorker,
      started: () => {
        const doors = this.#recordsOf(diskId)
        if (doors === undefined) return
        one.telling = doors.version
        child.say({ type: 'start', config, doors, listen, only: diskId })
      },
      hear: {
        ready: () => child.ready(),
        failed: ({ code, message }) =>
          log.error('child.failed', { role: 'disk', disk: diskId, error: new Fault(code, message) }),
        applied: ({ version }) => {
          one.applied = version
          one.telling = 0
          this.#tell(diskId, one)
        },
        // The worker that passed a request on counts it, and what changes records isn't passed on.
        measured: () => {},
        ask: () => {},
        changed: () => {},
        reach: () => {},
      },
      crashed: () => {
        one.telling = 0
        one.applied = 0
        return true
      },
      grace: endTime,
      changed: () => {
        this.#forgetEnded()
        changed()
      },
    })
    const one: DiskProcess = {
      child,
      socketFd,
      asked: performance.now(),
      telling: 0,
      applied: 0,
      isLeaving: false,
    }
    this.#processes.set(diskId, one)
    child.start()
  }

  /** What it needs to know: its disk, and those who may open it. */
  #recordsOf(diskId: DiskId): DoorRecord | undefined {
    const doors = this.#doors
    if (doors === undefined) return undefined
    return {
      ...doors,
      roster: {
        disks: doors.roster.disks.filter(({ id }) => id === diskId),
        users: doors.roster.users.filter((user) => user.diskId === diskId),
      },
    }
  }

  #tell(diskId: DiskId, one: DiskProcess): void {
    const doors = this.#recordsOf(diskId)
    if (doors === undefined || one.telling !== 0 || one.applied >= doors.version || one.isLeaving) return
    if (one.child.view.state !== 'ready') return
    one.telling = doors.version
    one.child.say({ type: 'doors', doors })
  }

  #endIdle(): void {
    for (const [id, one] of this.#processes)
      if (performance.now() - one.asked > idleTime) void this.#end(id, one)
  }

  async #end(diskId: DiskId, one: DiskProcess): Promise<void> {
    if (one.isLeaving) return
    one.isLeaving = true
    const ended = this.#endNow(diskId, one)
    this.#ending.add(ended)
    await ended
    this.#ending.delete(ended)
  }

  async #endNow(diskId: DiskId, one: DiskProcess): Promise<void> {
    // Nobody connects to it any more.
    this.#sockets.close(diskId, one.socketFd)
    await one.child.stop({ type: 'stop', drain: 0 }, 0)
    this.#forgetEnded()
    this.#options.changed()
  }

  /** One that lives on, though it was killed, keeps its place. */
  #forgetEnded(): void {
    for (const [id, { isLeaving, child }] of this.#processes)
      if (isLeaving && !child.running) this.#processes.delete(id)
  }
}
