/** The kernel engine: FUSE's own protocol over /dev/fuse, a thread a mount. */
import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { unmountStanding, type MountIdentity } from '../../lib/standing-mount.ts'
import { errno, SystemError } from '../../lib/sys/errno.ts'
import { close } from '../../lib/sys/open.ts'
import { exitNow } from '../../lib/sys/process.ts'
import { deviceRefusal } from '../device-refusal.ts'
import type { DiskSource } from '../disk/source.ts'
import type { Change, Engine, MountOptions, MountSession, MountStatistics } from '../engine.ts'
import { attach, type Attached } from './attach.ts'
import { Figures, USAGE } from './figures.ts'
import { LaneThreads } from './lane-threads.ts'
import { laneMemory } from './lanes.ts'
import { lockWaitBytes } from './lock-waits.ts'
import { isEntryName, notifyChanges, type ChangedNodes } from './notify.ts'
import { printLine } from './print-line.ts'
import { validity } from './protocol/codec.ts'
import { opcodeName, OPCODES } from './protocol/opcode-numbers.ts'
import { readFurtherAhead } from './read-ahead.ts'
import {
  maxTransfer,
  type FromThread,
  type WakerStart,
  type LockStart,
  type ThreadStart,
  type ToThread,
} from './thread-messages.ts'

function unavailable(): string | null {
  const closed = deviceRefusal()
  if (closed !== null || process.geteuid?.() === 0) return closed
  if (['/usr/local/bin', '/usr/bin', '/bin'].some((directory) => existsSync(`${directory}/fusermount3`)))
    return null
  return 'fusermount3 is missing, which mounts for those who are not root: install "fuse3"'
}

/** Milliseconds for the thread to end once the mount has left the tree. */
const patience = 1000
/** Milliseconds between two looks whether a file system has thawed for which somebody waits. */
const thawAsked = 50

interface Question {
  resolve(nodes: readonly ChangedNodes[]): void
  reject(reason: Error): void
}

class KernelSession implements MountSession {
  readonly engine = 'kernel'
  readonly mountpoint: string
  readonly mount: MountIdentity
  readonly closed: Promise<void>
  readonly ready: Promise<void>
  notice: string | null = null
  readonly #worker: Worker
  readonly #device: number
  /** See Figures for whose they are. */
  readonly #figures: readonly Figures[]
  readonly #passthrough: boolean
  /** Started when it is first needed. */
  #waker: Worker | null = null
  #lockThread: Worker | null = null
  readonly #wakeups = new SharedArrayBuffer(4)
  #thawing: NodeJS.Timeout | undefined
  /** The figures are being noted. One question at a time: a thread that hangs hears none. */
  #noting: Promise<unknown> | null = null
  #nextQuestion = 1
  readonly #questions = new Map<number, Question>()

  constructor({ device, mount }: Attached, disk: DiskSource, mountpoint: string, options: MountOptions) {
    this.mountpoint = mountpoint
    this.mount = mount
    this.#device = device
    const isRoot = process.geteuid?.() === 0
    this.#passthrough = options.passthrough && isRoot
    if (options.passthrough && !isRoot) this.notice = 'passthrough is off: it needs root'
    const lanes = options.threads
    const memory = laneMemory(maxTransfer)
    const figures = new SharedArrayBuffer((2 + lanes) * Figures.bytes)
    this.#figures = Array.from({ length: 2 + lanes }, (_, thread) => new Figures(figures, thread))
    const locks = options.locks === 'host' ? new SharedArrayBuffer(lockWaitBytes) : null
    const start: ThreadStart = {
      device,
      disk,
      options: { ...options, passthrough: this.#passthrough },
      figures,
      memory,
      lanes,
      locks,
    }
    this.#worker = new Worker(new URL('./thread.js', import.meta.url), { workerData: start })
    let fail: (error: Error) => void = () => {}
    const startLocks = () => {
      if (locks === null) return
      const workerData: LockStart = { locks, figures, thread: 1 + lanes, trace: options.trace }
      this.#lockThread = new Worker(new URL('./lock-thread.js', import.meta.url), { workerData })
      this.#lockThread.on('error', (error) => fail(error))
    }
    const { promise: ready, resolve: isReady, reject: isNot } = withResolvers()
    this.ready = ready
    let ended: number | null = null
    const hear = (message: FromThread) => {
      // A lane that is wanted from the start is waited for.
      if (message.type === 'ready') laneThreads.arrived().then(isReady, isNot)
      else if (message.type === 'lane') laneThreads.start()
      else if (message.type === 'present') return
      else if (message.type === 'locks') startLocks()
      else if (message.type === 'frozen') this.#awaitThaw(message.waits)
      else if (message.type === 'notice') this.notice ??= message.text
      else if (message.type === 'fault') process.emitWarning(message.text)
      else if (message.type === 'resolved') this.#questions.get(message.id)?.resolve(message.nodes)
      else ended = message.errno
    }
    this.#worker.on('message', hear)
    const valid = validity(options.entryTimeout, options.attributeTimeout)
    const laneThreads = new LaneThreads({ memory, figures, valid, trace: options.trace }, hear, (error) =>
      fail(error),
    )
    // Node waits for its threads when it exits, and this one waits for the kernel.
    const leave = (status: number) => exitNow(status)
    process.once('exit', leave)
    // Node reports an error that nobody caught after `exit`, which then comes too late.
    const report = (error: Error) => printLine(error.stack ?? error.message)
    process.once('uncaughtExceptionMonitor', report)
    this.closed = new Promise((resolve, reject) => {
      fail = reject
      this.#worker.once('error', reject)
      this.#worker.once('exit', () => {
        clearInterval(this.#thawing)
        // Until a thread that hangs in a call is gone, the process can't end as usual.
        const others = [this.#waker, this.#lockThread].map((thread) => thread?.terminate())
        void Promise.all([laneThreads.end(), ...others]).then(() => {
          close(device)
          process.off('exit', leave)
          process.off('uncaughtExceptionMonitor', report)
        })
        if (ended === 0) resolve()
        else reject(new SystemError(ended ?? errno.EIO, 'read', '/dev/fuse'))
      })
    })
    const gone = new SystemError(errno.ENODEV, 'statfs', mountpoint)
    const unanswered = () => this.#questions.forEach((question) => question.reject(gone))
    this.closed.then(unanswered, unanswered)
    this.closed.then(() => isNot(new SystemError(errno.ENODEV, 'mount', mountpoint)), isNot)
    ready.catch(() => {})
  }

  get passthrough(): boolean {
    return this.#passthrough && this.notice === null
  }

  unmount(lazy: boolean): Promise<void> {
    try {
      unmountStanding(this.mount, lazy)
      // A copy of the mount in another mount namespace keeps it alive, which is nobody's use of this one.
      return lazy ? this.closed : Promise.race([this.closed, pause(patience, undefined, { ref: false })])
    } catch (thrown) {
      return Promise.reject(thrown instanceof Error ? thrown : new Error(String(thrown)))
    }
  }

  async invalidate(changes: readonly Change[]): Promise<void> {
    const possible = changes.filter(({ name }) => isEntryName(name))
    if (possible.length === 0) return
    const nodes = await this.#ask(possible)
    const names = possible.map(({ name }) => name)
    notifyChanges(this.#device, names, nodes)
  }

  async statistics(within?: number): Promise<MountStatistics> {
    // A thread that hangs in a call notes nothing; what it and the others noted before is there to be read.
    const noting = (this.#noting ??= this.#ask([]).finally(() => (this.#noting = null)))
    noting.catch(() => {})
    const late = Symbol('late')
    const answers = [noting, ...(within === undefined ? [] : [pause(within, late, { ref: false })])]
    const fresh = (await Promise.race(answers)) !== late
    const sum = (of: (figures: Figures) => number | undefined) =>
      this.#figures.reduce((total, figures) => total + (of(figures) ?? 0), 0)
    const operations: Record<string, { count: number; nanoseconds: number }> = {}
    for (let i = 0; i < OPCODES; i++) {
      const count = sum(({ counts }) => counts[i])
      const nanoseconds = sum((figures) => figures.nanoseconds[i])
      if (count > 0) operations[opcodeName(i)] = { count, nanoseconds }
    }
    const used = (what: keyof typeof USAGE) => sum(({ usage }) => usage[USAGE[what]])
    const passed = used('passed') > 0 || (!fresh && this.passthrough)
    return {
      operations,
      nodes: used('nodes'),
      handles: used('handles'),
      refusedHandles: used('refusedHandles'),
      descriptors: used('descriptors'),
      passthrough: this.passthrough,
      bytesRead: passed ? null : used('bytesRead'),
      bytesWritten: passed ? null : used('bytesWritten'),
    }
  }

  /**
   * Lets the thread look up from read(2), note its figures, and say which nodes those changes are about. Rejects with
   * a SystemError when the mount is gone.
   */
  async #ask(changes: readonly Change[]): Promise<readonly ChangedNodes[]> {
    const id = this.#nextQuestion++
    const { promise, resolve, reject } = withResolvers<readonly ChangedNodes[]>()
    this.#questions.set(id, { resolve, reject })
    const question: ToThread = { type: 'resolve', id, changes }
    this.#worker.postMessage(question)
    this.#wake()
    try {
      return await promise
    } finally {
      this.#questions.delete(id)
    }
  }

  /** Wakes the thread now and then, so that it sees the thaw. */
  #awaitThaw(waits: boolean): void {
    clearInterval(this.#thawing)
    if (waits) this.#thawing = setInterval(() => this.#wake(), thawAsked)
  }

  #wake(): void {
    if (this.#waker === null) {
      const workerData: WakerStart = { mountpoint: this.mountpoint, wakeups: this.#wakeups }
      this.#waker = new Worker(new URL('./waker.js', import.meta.url), { workerData })
    }
    const word = new Int32Array(this.#wakeups)
    Atomics.add(word, 0, 1)
    Atomics.notify(word, 0)
  }
}

function withResolvers<T = void>(): {
  promise: Promise<T>
  resolve: (value: T) => void
  reject: (reason: unknown) => void
} {
  let resolve!: (value: T) => void
  let reject!: (reason: unknown) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

async function start(disk: DiskSource, mountpoint: string, options: MountOptions): Promise<MountSession> {
  // Threads of libuv's pool inherit their creator's identity: they must be there before one changes it.
  await statfs('/')
  const attached = attach(mountpoint, options)
  const session = new KernelSession(attached, disk, mountpoint, options)
  try {
    await session.ready
    readFurtherAhead(attached.mount.device)
    return session
  } catch (thrown) {
    try {
      unmountStanding(attached.mount, true)
    } catch {
      // It is gone already.
    }
    throw thrown
  }
}

export const kernelEngine: Engine = {
  name: 'kernel',
  supports: new Set([
    'acl',
    'byteNames',
    'caller',
    'copyFileRange',
    'fallocate',
    'hostLocks',
    'inodes64',
    'linkIdentity',
    'longPaths',
    'mtime',
    'nanoseconds',
    'notify',
    'passthrough',
    'removedDirectories',
    'renameFlags',
    'seekHole',
    'syncfs',
    'tmpfile',
    'unlinkedOpen',
    'utimeOmit',
    'xattrFlags',
  ]),
  unavailable,
  start,
}
