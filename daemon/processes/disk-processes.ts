/**
 * The processes of disks that may not answer: each serves one disk, what the doors pass on to it, and nobody else
 * waits for it. Here they are started when a worker first asks for one, told the records that concern their disk,
 * and ended when nobody asks any more.
 *
 * One that hangs hears nothing, so it is told one thing at a time; and it may not even die of being killed. It holds
 * neither the state's lock nor the S3 socket, and no other is started in its place while it lives.
 */
import type { Config } from '../../lib/config.ts'
import type { Disk, DiskId } from '../../lib/disk.ts'
import { Fault } from '../../lib/errors.ts'
import type { ListenAddress } from '../../lib/listen-address.ts'
import type { Log } from '../../lib/log.ts'
import { Child, type ChildOptions } from './child.ts'
import type { Confinement } from './confinement.ts'
import { DiskSockets } from './disk-sockets.ts'
import { parseFromWorker } from './from-worker.ts'
import type { Answer, DoorRecord, FromWorker, ToWorker } from './messages.ts'
import { diskProcessName, type ProcessName, type ProcessView } from './process-view.ts'
import { reachedFor } from './reach-disks.ts'

/** More of them than anybody needs: a disk beyond gets SlowDown. */
const most = 64
/** Milliseconds without a worker that asks for it, after which one is ended. */
const idleTime = 4 * reachedFor

/** Milliseconds that one lives at least, though its domain keep its root from it. */
const renewTime = 5_000
/** Milliseconds for one to end by itself: one whose disk hangs doesn't. */
const endTime = 1_000

interface DiskProcess {
  readonly child: Child<FromWorker, ToWorker>
  readonly socketFd: number
  /** When a worker last asked for it, performance.now(). */
  asked: number
  /** When its process started, by the same clock. */
  startedAt: number
  /** What its domain was made for. */
  readonly binding: string
  /** The version that it is being told of; 0: none. */
  telling: number
  applied: number
  isLeaving: boolean
}

const bindingOf = ({ root, identity }: Disk): string => JSON.stringify([root, identity])

export interface DiskProcessesOptions extends Pick<ChildOptions<FromWorker>, 'lockFd'> {
  readonly asked: (process: ProcessName, question: Extract<FromWorker, { type: 'ask' }>) => void
  /** One is gone: nothing that was its is waited for. */
  readonly ended: (process: ProcessName) => void
  /** What the process of a disk is reduced to, asked at each start. */
  readonly confinement: (disk: Disk) => Confinement
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
    for (const [id, one] of this.#processes) {
      const disk = doors.roster.disks.find((each) => each.id === id)
      if (disk !== undefined && !disk.letGo && bindingOf(disk) === one.binding) this.#tell(id, one)
      else void this.#end(id, one)
    }
  }

  /** Resolves when those that were to end have, as far as they can be ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#ending)
  }

  answer(process: ProcessName, id: string, answer: Answer): void {
    for (const { child } of this.#processes.values())
      if (child.view.name === process) child.say({ type: 'answer', id, answer })
  }

  /** Whether the disk has a process now, or one that starts. */
  reach(diskId: DiskId): boolean {
    const one = this.#processes.get(diskId)
    if (one !== undefined) {
      one.asked = performance.now()
      return !one.isLeaving
    }
    const disk = this.#doors?.roster.disks.find(({ id, letGo }) => id === diskId && !letGo)
    if (disk === undefined || this.#isStopping || this.#processes.size >= most) return false
    this.#start(disk)
    return true
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    clearInterval(this.#timer)
    for (const [id, one] of this.#processes) void this.#end(id, one)
    await this.settled()
  }

  #start(disk: Disk): void {
    const diskId = disk.id
    const { config, log, listen, lockFd, confinement, asked, ended, changed } = this.#options
    const socketFd = this.#sockets.open(diskId)
    const child: Child<FromWorker, ToWorker> = new Child<FromWorker, ToWorker>({
      role: 'disk',
      name: diskProcessName(diskId),
      module: 'worker.js',
      fd: socketFd,
      lockFd,
      diskId,
      log,
      confinement: () => {
        one.startedAt = performance.now()
        return confinement(this.#doors?.roster.disks.find(({ id }) => id === diskId) ?? disk)
      },
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
        ask: (message) => asked(diskProcessName(diskId), message),
        // The worker that passed a request on counts it, and what changes the tree isn't passed on.
        measured: () => {},
        changed: () => {},
        reach: () => {},
        retired: () => {},
        // The next one's domain has the root that has come since.
        refused: () => {
          if (performance.now() - one.startedAt > renewTime) void this.#end(diskId, one)
        },
      },
      left: () => ended(diskProcessName(diskId)),
      crashed: () => {
        ended(diskProcessName(diskId))
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
      startedAt: -Infinity,
      binding: bindingOf(disk),
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
