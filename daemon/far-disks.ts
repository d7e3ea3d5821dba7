/**
 * A worker's view of the disks that it doesn't read itself, whose requests go to the disk's own process. Some came when
 * its domain was made already, and its successor will read them. The others may not answer, and that process alone waits.
 * One that lets a request wait in vain is silent from then on, and its requests are refused at once; a question of ours
 * stays open there until it answers, and then all is as before.
 */
import { Agent, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import type { Disk, DiskId } from '../lib/disk.ts'
import { Fault } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { mayNotAnswer } from '../lib/tree/may-not-answer.ts'
import type { Elsewhere } from './http/elsewhere.ts'
import type { Exchange } from './http/exchange.ts'
import { passOn, Unanswered, Unreached } from './http/pass-on.ts'
import { isStream, type Reply } from './http/reply.ts'
import { reachedFor, type DiskReacher } from './processes/reach-disks.ts'

/** Requests that may be under way at one disk's process, from one worker. */
export const mostPassed = 256
/** Connections to it that are kept for the next. */
const kept = 32
/** Milliseconds between two tries to reach the process of a silent disk. */
const retry = 1_000
/** Of the records that a request was let in by: the other process waits until it has them. */
export const versionField = 'x-twofold-version'
/** Answered by a disk's process when the disk itself has answered. */
export const beatPath = '/-/beat'

interface Far {
  underWay: number
  /** It let somebody wait in vain, and hasn't answered since. */
  isSilent: boolean
}

export interface FarDisksOptions {
  readonly reacher: DiskReacher
  readonly socketOf: (diskId: DiskId) => string
  /** Milliseconds for the first bytes of an answer. */
  readonly patience: number
  /** Of the records that requests are let in by. */
  readonly version: () => number
  readonly log: Log
}

export class FarDisks implements Elsewhere {
  readonly #options: FarDisksOptions
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: kept })
  readonly #disks = new Map<DiskId, Far>()
  readonly #refused = new Set<DiskId>()
  readonly #keeping: NodeJS.Timeout
  #suspects: ReadonlySet<DiskId> = new Set()
  #isClosed = false

  constructor(options: FarDisksOptions) {
    this.#options = options
    // Long answers keep their process.
    this.#keeping = setInterval(() => {
      for (const [id, { underWay }] of this.#disks) if (underWay > 0) void options.reacher.reach(id)
    }, reachedFor).unref()
  }

  answers(disk: Disk): boolean {
    if (disk.letGo) return false
    return mayNotAnswer(disk) || this.#suspects.has(disk.id) || this.#refused.has(disk.id)
  }

  /** Disks that are passed on whatever their records say. */
  suspect(disks: readonly DiskId[]): void {
    this.#suspects = new Set(disks)
  }

  /** This process's domain keeps the disk from it, for good: one of its own can read it. */
  refused({ id }: Disk): void {
    this.#refused.add(id)
  }

  async pass(exchange: Exchange, disk: Disk): Promise<Reply> {
    const { reacher, socketOf, patience, version } = this.#options
    const far = this.#of(disk.id)
    if (far.isSilent) throw silent(disk)
    if (far.underWay >= mostPassed)
      throw new Fault('SlowDown', 'Too many requests for this disk are under way.')
    far.underWay++
    let isPassed = false
    try {
      if (!(await reacher.reach(disk.id))) throw new Fault('SlowDown', 'Too many disks are being served.')
      const reply = await passOn(exchange, {
        agent: this.#agent,
        socketPath: socketOf(disk.id),
        patience,
        ours: { [versionField]: String(version()), ...named(exchange) },
      })
      if (reply.body !== null && typeof reply.body === 'object' && isStream(reply.body)) {
        isPassed = true
        reply.body.once('close', () => far.underWay--)
      }
      return reply
    } catch (thrown) {
      if (thrown instanceof Unreached) {
        reacher.forget(disk.id)
        throw new Fault('ServiceUnavailable', 'The process of this disk is just being replaced.')
      }
      if (!(thrown instanceof Unanswered)) throw thrown
      this.#fallSilent(disk, far)
      throw silent(disk)
    } finally {
      if (!isPassed) far.underWay--
    }
  }

  /** Forgets disks that are not among `live`. */
  prune(live: ReadonlySet<DiskId>): void {
    for (const id of this.#disks.keys()) if (!live.has(id)) this.#disks.delete(id)
    for (const id of this.#refused) if (!live.has(id)) this.#refused.delete(id)
  }

  close(): void {
    this.#isClosed = true
    clearInterval(this.#keeping)
    this.#agent.destroy()
  }

  #of(diskId: DiskId): Far {
    let far = this.#disks.get(diskId)
    if (far === undefined) this.#disks.set(diskId, (far = { underWay: 0, isSilent: false }))
    return far
  }

  #fallSilent(disk: Disk, far: Far): void {
    if (far.isSilent) return
    far.isSilent = true
    this.#options.log.warn('disk.silent', { disk: disk.id, root: disk.root, after: this.#options.patience })
    void this.#awaitLife(disk, far)
  }

  async #awaitLife(disk: Disk, far: Far): Promise<void> {
    const { reacher, log } = this.#options
    far.underWay++
    while (!this.#isClosed && this.#disks.get(disk.id) === far) {
      if ((await reacher.reach(disk.id)) && (await this.#beats(disk.id))) break
      reacher.forget(disk.id)
      await pause(retry, undefined, { ref: false })
    }
    far.underWay--
    far.isSilent = false
    if (!this.#isClosed) log.info('disk.answers', { disk: disk.id })
  }

  /** Whether the disk's process says that the disk has answered; as long as it doesn't, neither do we. */
  #beats(diskId: DiskId): Promise<boolean> {
    return new Promise((resolve) => {
      const asked = request({
        socketPath: this.#options.socketOf(diskId),
        path: beatPath,
        headers: { host: 'disk' },
        agent: false,
      })
      asked.once('response', (answer) => {
        answer.resume()
        resolve(true)
      })
      asked.once('error', () => resolve(false))
      asked.once('socket', (socket) => void socket.unref())
      asked.end()
    })
  }
}

const silent = ({ root }: Disk): Fault =>
  new Fault('DiskOffline', `${root} does not answer.`, { headers: { 'Retry-After': '5' } })

/** The request's id, where the client has given none that stands. */
const named = ({ id, headers }: Exchange): Record<string, string> =>
  headers.has('x-request-id') ? {} : { 'x-request-id': id }
