/**
 * The process that the others hang from. It holds the lock on the state directory and the S3 listening socket,
 * starts control, the S3 workers and the mounts, starts again what crashes, and passes on what control says.
 * It parses nothing that comes from outside and opens no store, so that there is little in it to go wrong.
 *
 * Started: lock, socket, control, workers, mounts. Stopped: the same in reverse.
 */
import { join } from 'node:path'
import type { Config } from '../lib/config.ts'
import { Fault } from '../lib/errors.ts'
import { formatListen, isLoopback, type ListenAddress } from '../lib/listen-address.ts'
import { makeDirectories } from '../lib/make-directories.ts'
import type { Log } from '../lib/log.ts'
import { errno, errnoOf } from '../lib/sys/errno.ts'
import { lockFile, type Lock } from '../lib/sys/lock.ts'
import { Child } from './processes/child.ts'
import { openListenSocket, type ListenSocket } from './processes/listen-socket.ts'
import type {
  DoorRecord,
  FromControl,
  FromWorker,
  MountRecord,
  ToControl,
  ToWorker,
} from './processes/messages.ts'
import { Mounts } from './processes/mounts.ts'
import { feedWatchdog, notify } from './processes/notify.ts'
import { mountName, workerName, type ProcessName } from './processes/process-view.ts'

export interface PrimaryOptions {
  readonly config: Config
  readonly log: Log
  /** What to do when another process listens on the configured address. */
  readonly whenTaken: 'refuse' | 'next'
}

export interface Primary {
  /** Where the S3 door listens, its port filled in. */
  readonly address: ListenAddress
  readonly controlSocket: string
  /** Stops everything. Answers when the last process and mount are gone; asked again, it answers the same. */
  stop(reason: string): Promise<void>
  /** Somebody has asked it to stop. */
  readonly stopping: boolean
  /** Resolves when it has stopped, whoever asked. */
  readonly stopped: Promise<void>
}

/** Milliseconds that a live worker may take to say that it serves by the latest records before it is replaced. */
const applyTime = 5_000
/** The same for one that is still starting: on a busy machine that alone takes seconds. */
const bootTime = 60_000
/** Crashes of a child before it was ever ready, after which a start is given up. */
const patience = 5
/** Milliseconds that the first mounts get before the daemon calls itself ready without them. */
const mountTime = 20_000

/** Milliseconds that the children of a killed daemon get to end. */
const orphanTime = 10_000

interface Worker {
  readonly child: Child<FromWorker, ToWorker>
  applied: number
  overdue: NodeJS.Timeout | undefined
}

/**
 * Starts the daemon in this process. Answers when both doors stand. Throws DaemonRunning, PortTaken,
 * InvalidSetting, or what kept control or a worker from starting.
 */
export async function startPrimary(options: PrimaryOptions): Promise<Primary> {
  const { config, log } = options
  makeDirectories(config.state, 0o711)
  const lock = await takeLock(config.state)
  try {
    const socket = openListenSocket(config.listen, { expose: config.expose, whenTaken: options.whenTaken })
    if (!isLoopback(socket.address.host)) {
      log.warn('listen.exposed', {
        listen: formatListen(socket.address),
        advice: 'this is plain HTTP: put a proxy with TLS before it',
      })
    }
    const primary = new Supervisor(config, log, socket, lock)
    await primary.start()
    return primary
  } catch (thrown) {
    lock.release()
    throw thrown
  }
}

/**
 * The lock on the state directory. The children of a daemon hold it too, so that the next one doesn't begin
 * while those of a killed one still end. Throws DaemonRunning.
 */
async function takeLock(state: string): Promise<Extract<Lock, { held: true }>> {
  for (const started = Date.now(); ;) {
    const lock = lockFile(join(state, 'lock'))
    if (lock.held) return lock
    const { pid } = lock
    if (pid === undefined || isAlive(pid)) {
      const holder = pid === undefined ? '' : ` (pid ${pid})`
      throw new Fault(
        'DaemonRunning',
        `a daemon${holder} runs on ${state} already: stop it, or name another --state`,
      )
    }
    if (Date.now() - started > orphanTime) {
      throw new Fault(
        'DaemonRunning',
        `processes of a daemon that was killed (pid ${pid}) still run on ${state}`,
      )
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (thrown) {
    // EPERM: it is there, and somebody else's.
    return errnoOf(thrown) !== errno.ESRCH
  }
}

class Supervisor implements Primary {
  readonly address: ListenAddress
  readonly controlSocket: string
  readonly stopped: Promise<void>
  readonly #config: Config
  readonly #log: Log
  readonly #startedAt = Date.now()
  readonly #control: Child<FromControl, ToControl>
  readonly #workers: readonly Worker[]
  readonly #mounts: Mounts
  readonly #socket: ListenSocket
  readonly #unlock: () => void
  #doors: DoorRecord | undefined
  #wantedMounts: readonly MountRecord[] = []
  /** Settled once: everything stands, or it never will. */
  #started!: { resolve: () => void; reject: (why: unknown) => void }
  readonly #standing: Promise<void>
  #isUp = false
  #controlReady = false
  #crashes = 0
  #stop: Promise<void> | undefined
  #haveStopped!: () => void
  #stopFeeding = () => {}

  constructor(config: Config, log: Log, socket: ListenSocket, lock: Extract<Lock, { held: true }>) {
    this.#config = config
    this.#log = log
    this.#socket = socket
    this.address = socket.address
    this.controlSocket = config.controlSocket
    this.#unlock = lock.release
    this.stopped = new Promise((resolve) => (this.#haveStopped = resolve))
    this.#standing = new Promise((resolve, reject) => (this.#started = { resolve, reject }))
    this.#mounts = new Mounts(
      config,
      log,
      (diskId, report) => {
        this.#control.say({ type: 'mount', diskId, report })
        this.#checkUp()
      },
      (diskId, question, figures) => {
        const process = mountName(diskId)
        this.#control.say({ type: 'measured', of: 'mount', process, diskId, question, figures })
      },
      () => this.#changed(),
      lock.fd,
    )
    this.#control = new Child<FromControl, ToControl>({
      role: 'control',
      name: 'control',
      module: 'control.js',
      lockFd: lock.fd,
      log,
      started: () => this.#controlStarted(),
      hear: (message) => this.#hearControl(message),
      crashed: (how) => this.#crashed('control', how),
      changed: () => this.#changed(),
    })
    this.#workers = Array.from({ length: config.workers }, (_, i) =>
      this.#worker(workerName(i), socket.fd, lock.fd),
    )
  }

  async start(): Promise<void> {
    this.#stopFeeding = feedWatchdog(() => this.#control.running || this.#stop !== undefined)
    this.#control.start()
    try {
      await this.#standing
    } catch (thrown) {
      await this.stop('it could not start')
      throw thrown
    }
    this.#isUp = true
    notify('READY=1', `STATUS=S3 on ${formatListen(this.address)}`, `MAINPID=${process.pid}`)
    this.#log.info('daemon.ready', {
      listen: formatListen(this.address),
      control: this.controlSocket,
      state: this.#config.state,
      workers: this.#workers.length,
      mounts: this.#wantedMounts.length,
    })
  }

  get stopping(): boolean {
    return this.#stop !== undefined
  }

  stop(reason: string): Promise<void> {
    this.#stop ??= this.#stopAll(reason)
    return this.#stop
  }

  async #stopAll(reason: string): Promise<void> {
    notify('STOPPING=1', 'STATUS=stopping')
    this.#log.info('daemon.stopping', { reason })
    const drain = this.#config.drainTimeout
    this.#socket.close()
    for (const worker of this.#workers) clearTimeout(worker.overdue)
    await Promise.all(this.#workers.map(({ child }) => child.stop({ type: 'stop', drain }, drain)))
    await this.#mounts.stop()
    await this.#control.stop({ type: 'stop', drain: 2_000 }, 2_000)
    this.#stopFeeding()
    this.#unlock()
    this.#log.info('daemon.stopped', { reason })
    this.#haveStopped()
  }

  #worker(name: ProcessName, fd: number, lockFd: number): Worker {
    const child: Child<FromWorker, ToWorker> = new Child<FromWorker, ToWorker>({
      role: 'worker',
      name,
      module: 'worker.js',
      fd,
      lockFd,
      log: this.#log,
      started: () => {
        worker.applied = 0
        if (this.#doors === undefined) return
        child.say({ type: 'start', config: this.#config, doors: this.#doors, listen: this.address })
        this.#expect(worker)
      },
      hear: (message) => {
        if (message.type === 'failed') return this.#failed('worker', new Fault(message.code, message.message))
        if (message.type === 'applied') {
          worker.applied = message.version
          if (worker.applied >= (this.#doors?.version ?? 0)) clearTimeout(worker.overdue)
          this.#checkPublished()
          return
        }
        if (message.type === 'measured') {
          const { question, figures } = message
          this.#control.say({ type: 'measured', of: 'worker', process: name, question, figures })
          return
        }
        child.ready()
        this.#checkUp()
      },
      crashed: (how) => {
        clearTimeout(worker.overdue)
        const again = this.#crashed('worker', how)
        this.#checkPublished()
        return again
      },
      changed: () => this.#changed(),
    })
    const worker: Worker = { child, applied: 0, overdue: undefined }
    return worker
  }

  #controlStarted(): void {
    this.#controlReady = false
    const { address: listen } = this
    this.#control.say({ type: 'start', config: this.#config, listen, startedAt: this.#startedAt })
    for (const [diskId, report] of this.#mounts.reports) this.#control.say({ type: 'mount', diskId, report })
    this.#changed()
  }

  #hearControl(message: FromControl): void {
    if (message.type === 'failed') return this.#failed('control', new Fault(message.code, message.message))
    if (message.type === 'unmount') return this.#mounts.unmount(message.diskId, message.force)
    if (message.type === 'measure') return this.#measure(message.question)
    if (message.type === 'ready') {
      this.#controlReady = true
      this.#control.ready()
      return this.#checkUp()
    }
    if (this.#stop !== undefined) return
    this.#doors = message.doors
    for (const worker of this.#workers) {
      if (!worker.child.running) worker.child.start()
      else {
        worker.child.say({ type: 'doors', doors: message.doors })
        this.#expect(worker)
      }
    }
    this.#wantedMounts = message.mounts
    this.#mounts.want(message.mounts)
    this.#checkPublished()
  }

  #measure(question: number): void {
    const processes: ProcessName[] = []
    for (const [i, { child }] of this.#workers.entries()) {
      if (child.view.state !== 'ready') continue
      processes.push(workerName(i))
      child.say({ type: 'measure', question })
    }
    processes.push(...this.#mounts.measure(question).map(mountName))
    this.#control.say({ type: 'asked', question, processes })
  }

  /** A worker that doesn't take the records in time may be serving somebody who was revoked: it is replaced. */
  #expect(worker: Worker): void {
    clearTimeout(worker.overdue)
    const { state, pid } = worker.child.view
    const milliseconds = state === 'ready' ? applyTime : bootTime
    worker.overdue = setTimeout(() => {
      this.#log.error('worker.unresponsive', { pid, milliseconds })
      worker.child.kill()
    }, milliseconds)
  }

  #checkPublished(): void {
    const version = this.#doors?.version
    if (version === undefined) return
    const all = this.#workers.every(({ child, applied }) => !child.running || applied >= version)
    if (all) this.#control.say({ type: 'published', version })
  }

  #checkUp(): void {
    if (this.#isUp || !this.#controlReady) return
    if (!this.#workers.every(({ child }) => child.view.state === 'ready')) return
    const waiting = () =>
      this.#wantedMounts.some(({ disk }) => {
        const state = this.#mounts.reports.get(disk.id)?.state
        return state !== 'mounted' && state !== 'failed'
      })
    if (!waiting()) return this.#started.resolve()
    setTimeout(() => this.#started.resolve(), mountTime).unref()
  }

  #crashed(role: string, how: string): boolean {
    if (this.#isUp) return true
    this.#crashes++
    if (this.#crashes < patience) return true
    this.#failed(
      role,
      new Fault('InternalError', `the ${role} process doesn't start: ${how}; its log says more`),
    )
    return false
  }

  /** What can't be mended by starting again ends a start; later it is only said. */
  #failed(role: string, fault: Fault): void {
    this.#log.error('child.failed', { role, code: fault.code, error: fault.message })
    if (!this.#isUp) this.#started.reject(fault)
  }

  #changed(): void {
    if (this.#stop !== undefined) return
    const startedAt = new Date(this.#startedAt).toISOString()
    const self = {
      name: 'primary',
      role: 'primary',
      pid: process.pid,
      state: 'ready',
      startedAt,
      restarts: 0,
      diskId: null,
    } as const
    const processes = [
      self,
      this.#control.view,
      ...this.#workers.map(({ child }) => child.view),
      ...this.#mounts.views,
    ]
    this.#control.say({ type: 'processes', processes })
  }
}
