/**
 * One child process and its life: started, started again with growing pauses when it crashes, stopped with
 * a bound. A child hears what concerns it over IPC and nothing from the terminal or the service manager.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { childEnvironment, confinedEnvironment } from '../../lib/config.ts'
import type { DiskId } from '../../lib/disk.ts'
import type { Log } from '../../lib/log.ts'
import { launchFd, type Confinement, type Launch } from './confinement.ts'
import { lineToChild, type Line, type Listeners } from './line.ts'
import type { Ping } from './messages.ts'
import type { ProcessName, ProcessView } from './process-view.ts'

/** Milliseconds before a crashed child starts again: doubled each time, forgotten after a minute of life. */
const firstPause = 100
const longestPause = 10_000
const settled = 60_000
const usualGrace = 5_000
/** Milliseconds for a killed child to be gone. One that waits in the kernel for who doesn't answer may stay for ever. */
const deathTime = 2_000
/** The descriptor that a child finds its listening socket at, after stdin, stdout, stderr and the IPC channel. */
export const handedFd = 4
/** The first descriptor behind the standard ones. */
const channelFd = 3
const lockedFd = 5
/** Bytes of a message from a child that isn't believed: several times what a worker says of very many disks. */
const longestMessage = 16 << 20
/** Milliseconds for a child to be what it is to become, before it is killed. */
const launchTime = 30_000

const launcher = fileURLToPath(new URL('../launch.js', import.meta.url))

export interface ChildOptions<In extends { readonly type: string }> {
  readonly role: Exclude<ProcessView['role'], 'primary'>
  readonly name: ProcessName
  /** A compiled composition root, as `worker.js`. */
  readonly module: string
  readonly execArgv?: readonly string[]
  /** A descriptor of ours that it inherits as `handedFd`. */
  readonly fd?: number
  /** A lock's (state-lock.ts), which it inherits and thereby holds as long as it lives. */
  readonly lockFd: number
  /** Asked at each start: what the child is reduced to before it runs. Without it, it has all of our rights. */
  readonly confinement?: () => Confinement
  /** Milliseconds that it gets beyond its drain time before it is killed. */
  readonly grace?: number
  readonly diskId?: DiskId
  readonly log: Log
  /** It runs and waits for its first message. */
  readonly started: () => void
  readonly hear: Listeners<In>
  /** Throws for what is no message of such a child, which is logged and not heard. Without it all is believed. */
  readonly check?: (message: unknown) => In
  /** It ended without being asked to. Answer false to leave it so. */
  readonly crashed?: (how: string) => boolean
  /** It ended as it was asked to. */
  readonly left?: () => void
  /** Something of `view` changed. */
  readonly changed: () => void
}

export class Child<In extends { readonly type: string }, Out> {
  readonly #options: ChildOptions<In>
  #process: ChildProcess | undefined
  #line: Line<Out | Ping> | undefined
  /** The last ping, whether it has been answered, and what hears that. */
  #pings = 0
  #pinging: Promise<boolean> | undefined
  #ponged: (number: number) => void = () => {}
  #giveUp = () => {}
  #state: ProcessView['state'] = 'down'
  #startedAt: number | null = null
  #restarts = 0
  #pause = firstPause
  #timer: NodeJS.Timeout | undefined
  #wanted = false

  constructor(options: ChildOptions<In>) {
    this.#options = options
  }

  get view(): ProcessView {
    return {
      name: this.#options.name,
      role: this.#options.role,
      pid: this.#process?.pid ?? null,
      state: this.#state,
      startedAt: this.#startedAt === null ? null : new Date(this.#startedAt).toISOString(),
      restarts: this.#restarts,
      diskId: this.#options.diskId ?? null,
    }
  }

  get running(): boolean {
    return this.#process !== undefined
  }

  start(): void {
    this.#wanted = true
    if (this.#process !== undefined || this.#timer !== undefined) return
    this.#spawn()
  }

  /** It has said that it does its work. */
  ready(): void {
    this.#become('ready')
  }

  say(message: Out): void {
    this.#line?.say(message)
  }

  /** Whether its main thread goes on, found out within `milliseconds`. */
  async answers(milliseconds: number): Promise<boolean> {
    if (this.#process === undefined) return false
    this.#pinging ??= new Promise((resolve) => {
      const number = ++this.#pings
      this.#ponged = (answered) => {
        if (answered !== number) return
        this.#pinging = undefined
        resolve(true)
      }
      this.#line?.say({ type: 'ping', number })
    })
    const patience = new AbortController()
    const late = pause(milliseconds, false, { signal: patience.signal }).catch(() => false)
    const answer = await Promise.race([this.#pinging, late])
    patience.abort()
    return answer
  }

  /** One that doesn't die of it counts as gone all the same: it will never run a line of ours again. */
  kill(): void {
    const child = this.#process
    if (child === undefined) return
    const giveUp = this.#giveUp
    child.kill('SIGKILL')
    const timer = setTimeout(giveUp, deathTime)
    child.once('exit', () => clearTimeout(timer))
  }

  /** Says `farewell`, and leaves it the time that it takes to end. */
  retire(farewell: Out): void {
    this.#wanted = false
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#process === undefined) return this.#options.left?.()
    this.#become('stopping')
    this.#line?.say(farewell)
  }

  /**
   * Says `farewell` and waits: at most `drain` milliseconds and some grace, then it is killed. One that doesn't even die
   * of that is left behind.
   */
  async stop(farewell: Out, drain: number): Promise<void> {
    this.#wanted = false
    clearTimeout(this.#timer)
    this.#timer = undefined
    const child = this.#process
    if (child === undefined) return
    this.#become('stopping')
    const { role, log, grace = usualGrace } = this.#options
    await new Promise<void>((resolve) => {
      const began = Date.now()
      let isEnding = false
      const end = () => {
        if (isEnding || this.#process !== child) return
        isEnding = true
        clearTimeout(timer)
        log.warn('child.killed', { role, pid: child.pid, after: Date.now() - began })
        child.kill('SIGKILL')
        timer = setTimeout(() => {
          log.error('child.left', { role, pid: child.pid })
          forget(child)
          resolve()
        }, deathTime)
      }
      let timer = setTimeout(end, drain + grace)
      child.once('exit', () => {
        clearTimeout(timer)
        resolve()
      })
      this.#line?.say(farewell)
      // One that was stopped or hangs will not do as it is told.
      void this.answers(grace).then((does) => {
        if (!does) end()
      })
    })
  }

  #become(state: ProcessView['state']): void {
    if (this.#state === state) return
    this.#state = state
    this.#options.changed()
  }

  #spawn(): void {
    const { role, module, fd, lockFd, log } = this.#options
    const execArgv = this.#options.execArgv ?? []
    const path = fileURLToPath(new URL(`../${module}`, import.meta.url))
    const confinement = this.#options.confinement?.()
    const confined = confinement !== undefined
    const child = spawn(process.execPath, confined ? [launcher] : [...execArgv, path], {
      stdio: ['ignore', 2, 2, 'pipe', fd ?? 'ignore', lockFd, confined ? 'pipe' : 'ignore'],
      // The child's end of its line is Node's IPC, ours isn't (line.ts).
      env: { ...(confined ? confinedEnvironment() : childEnvironment()), NODE_CHANNEL_FD: String(channelFd) },
      cwd: '/',
      // A session of its own has no terminal: what logs to one could type into it (TIOCSTI), for root's shell to obey.
      detached: confined,
    })
    this.#process = child
    this.#startedAt = Date.now()
    this.#pinging = undefined
    const streams: readonly unknown[] = child.stdio
    const stream = streams[channelFd]
    if (stream instanceof Duplex) {
      this.#line = lineToChild<In, Out>(stream, {
        listeners: this.#options.hear,
        check: (message) => this.#checked(message),
        ponged: (number) => this.#ponged(number),
        longest: this.#options.check === undefined ? Infinity : longestMessage,
        garbled: (error) => {
          log.error('child.nonsense', { role, pid: child.pid, error })
          child.kill('SIGKILL')
        },
      })
    }
    let ended = false
    const end = (how: string) => {
      if (ended) return
      ended = true
      this.#process = undefined
      this.#line = undefined
      this.#become('down')
      if (!this.#wanted) return this.#options.left?.()
      log.error('child.crashed', { role, pid: child.pid, how })
      if (this.#options.crashed?.(how) === false) {
        this.#wanted = false
        return
      }
      this.#again()
    }
    this.#giveUp = () => {
      log.error('child.left', { role, pid: child.pid })
      forget(child)
      end("it can't be killed")
    }
    child.once('error', (error) => end(error.message))
    child.once('exit', (code, signal) => end(signal ?? `exit status ${code}`))
    log.debug('child.started', { role, pid: child.pid })
    this.#become('starting')
    const started = () => {
      if (this.#process === child) this.#options.started()
    }
    if (confinement === undefined) return started()
    const descriptors = [handedFd, lockedFd]
    this.#launch(child, { module: path, execArgv, descriptors, channel: channelFd, confinement }, started)
  }

  /** Has the child become what it is to be. `become` is called when it has, or has ended over it. */
  #launch(child: ChildProcess, launch: Launch, become: () => void): void {
    const streams: readonly unknown[] = child.stdio
    const pipe = streams[launchFd]
    if (!(pipe instanceof Duplex)) return
    const timer = setTimeout(() => {
      this.#options.log.error('child.unlaunched', { role: this.#options.role, pid: child.pid })
      child.kill('SIGKILL')
    }, launchTime)
    child.once('exit', () => clearTimeout(timer))
    // It is gone, and its exit says so.
    pipe.on('error', () => {})
    pipe.on('end', () => {
      clearTimeout(timer)
      become()
    })
    pipe.resume().end(JSON.stringify(launch))
  }

  #checked(message: unknown): unknown {
    const { check, role, log } = this.#options
    if (check === undefined) return message
    try {
      return check(message)
    } catch (error) {
      log.error('child.nonsense', { role, pid: this.#process?.pid, error })
      return undefined
    }
  }

  #again(): void {
    if (this.#startedAt !== null && Date.now() - this.#startedAt > settled) this.#pause = firstPause
    const pause = this.#pause
    this.#pause = Math.min(pause * 2, longestPause)
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      if (!this.#wanted) return
      this.#restarts++
      this.#spawn()
    }, pause)
  }
}

/** It may live on; nobody here waits for its end. */
function forget(child: ChildProcess): void {
  child.unref()
  for (const stream of child.stdio) if (stream instanceof Socket) stream.unref()
}
