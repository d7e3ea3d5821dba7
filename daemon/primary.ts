/**
 * The process that the others hang from. It holds the lock on the state directory and the S3 listening socket,
 * starts control, the S3 workers and the mounts, starts again what crashes, and passes on what they say to each
 * other. It parses nothing that comes from outside and opens no store, so that there is little in it to go wrong.
 *
 * Started: lock, socket, control, workers, mounts. Stopped: the same in reverse.
 */
import type { Config } from '../lib/config.ts'
import { Fault } from '../lib/errors.ts'
import { formatListen, isLoopback, type ListenAddress } from '../lib/listen-address.ts'
import type { Log } from '../lib/log.ts'
import { landlockAbi, landlockGaps } from '../lib/sys/landlock.ts'
import { requireOwnState } from '../lib/own-state.ts'
import { Child } from './processes/child.ts'
import { openListenSocket, type ListenSocket } from './processes/listen-socket.ts'
import type { FromControl, MountRecord, ToControl } from './processes/messages.ts'
import { Mounts } from './processes/mounts.ts'
import { DiskProcesses } from './processes/disk-processes.ts'
import { feedWatchdog, notify } from './processes/notify.ts'
import { QuestionPasser } from './processes/pass-questions.ts'
import { mountName } from './processes/process-view.ts'
import { diskConfinement } from './processes/worker-confinement.ts'
import { workerUser } from './processes/worker-user.ts'
import { lockState, type StateLock } from './processes/state-lock.ts'
import { Workers } from './processes/workers.ts'

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

/** Crashes of a child before it was ever ready, after which a start is given up. */
const patience = 5
/** Milliseconds that the first mounts get before the daemon calls itself ready without them. */
const mountTime = 20_000

/**
 * Starts the daemon in this process. Answers when both doors stand. Throws DaemonRunning, Untrusted, PortTaken,
 * InvalidSetting, or what kept control or a worker from starting.
 */
export async function startPrimary(options: PrimaryOptions): Promise<Primary> {
  const { config, log } = options
  requireOwnState(config)
  const lock = await lockState(config.state, log)
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

class Supervisor implements Primary {
  readonly address: ListenAddress
  readonly controlSocket: string
  readonly stopped: Promise<void>
  readonly #config: Config
  readonly #log: Log
  readonly #startedAt = Date.now()
  readonly #control: Child<FromControl, ToControl>
  readonly #workers: Workers
  readonly #disks: DiskProcesses
  readonly #mounts: Mounts
  readonly #questions: QuestionPasser
  readonly #socket: ListenSocket
  readonly #unlock: () => void
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

  constructor(config: Config, log: Log, socket: ListenSocket, lock: StateLock) {
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
      lock.childrenFd,
    )
    this.#control = new Child<FromControl, ToControl>({
      role: 'control',
      name: 'control',
      module: 'control.js',
      lockFd: lock.fd,
      log,
      started: () => this.#controlStarted(),
      hear: {
        ready: () => {
          this.#controlReady = true
          this.#control.ready()
          this.#checkUp()
        },
        failed: ({ code, message }) => this.#failed('control', new Fault(code, message)),
        publish: (message) => this.#publish(message),
        unmount: ({ diskId, force }) => this.#mounts.unmount(diskId, force),
        measure: ({ question }) => this.#measure(question),
        answer: (message) => this.#questions.answered(message),
      },
      crashed: (how) => {
        this.#questions.controlEnded()
        return this.#crashed('control', how)
      },
      changed: () => this.#changed(),
    })
    const user = workerUser(config.workerUser)
    this.#disks = new DiskProcesses({
      confinement: (disk) => diskConfinement(user, disk),
      asked: (process, question) => this.#questions.ask(process, question),
      ended: (process) => this.#questions.workerEnded(process),
      config,
      log,
      listen: socket.address,
      lockFd: lock.childrenFd,
      changed: () => this.#changed(),
    })
    this.#workers = new Workers({
      config,
      log,
      listen: socket.address,
      socketFd: socket.fd,
      user,
      lockFd: lock.childrenFd,
      ready: () => this.#checkUp(),
      published: (version) =>
        void this.#disks.settled().then(() => this.#control.say({ type: 'published', version })),
      measured: (process, question, figures) =>
        this.#control.say({ type: 'measured', of: 'worker', process, question, figures }),
      asked: (process, question) => this.#questions.ask(process, question),
      reach: (diskId) => this.#disks.reach(diskId),
      tell: (changes) => this.#mounts.tell(changes),
      failed: (fault) => this.#failed('worker', fault),
      crashed: (process, how) => {
        this.#questions.workerEnded(process)
        return this.#crashed('worker', how)
      },
      left: (process) => this.#questions.workerEnded(process),
      changed: () => this.#changed(),
    })
    this.#questions = new QuestionPasser({
      controlIsThere: () => this.#control.view.state === 'ready',
      sayToControl: (message) => this.#control.say(message),
      sayToWorker: (to, id, answer) => {
        this.#workers.answer(to, id, answer)
        this.#disks.answer(to, id, answer)
      },
    })
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
    const missing = landlockGaps(landlockAbi())
    if (missing.length > 0)
      this.#log.warn('confinement.partial', { missing, advice: '"twofold doctor" says what would help' })
    this.#log.info('daemon.ready', {
      listen: formatListen(this.address),
      control: this.controlSocket,
      state: this.#config.state,
      workers: this.#config.workers,
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
    await this.#workers.stop(drain)
    await this.#disks.stop()
    await this.#mounts.stop()
    await this.#control.stop({ type: 'stop', drain: 2_000 }, 2_000)
    this.#stopFeeding()
    this.#unlock()
    this.#log.info('daemon.stopped', { reason })
    this.#haveStopped()
  }

  #controlStarted(): void {
    this.#controlReady = false
    const { address: listen } = this
    this.#control.say({ type: 'start', config: this.#config, listen, startedAt: this.#startedAt })
    for (const [diskId, report] of this.#mounts.reports) this.#control.say({ type: 'mount', diskId, report })
    this.#changed()
  }

  #publish({ doors, mounts }: Extract<FromControl, { type: 'publish' }>): void {
    if (this.#stop !== undefined) return this.#mounts.decline(mounts)
    this.#disks.apply(doors)
    this.#workers.apply(doors)
    this.#wantedMounts = mounts
    this.#mounts.want(mounts)
  }

  #measure(question: number): void {
    const processes = [...this.#workers.measure(question), ...this.#mounts.measure(question).map(mountName)]
    this.#control.say({ type: 'asked', question, processes })
  }

  #checkUp(): void {
    if (this.#isUp || !this.#controlReady) return
    if (!this.#workers.areReady) return
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
      ...this.#workers.views,
      ...this.#disks.views,
      ...this.#mounts.views,
    ]
    this.#control.say({ type: 'processes', processes })
  }
}
