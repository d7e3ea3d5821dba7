/**
 * The mounts that should stand, each in a process of its own. Control says which; here they are started,
 * started again when their process dies, and stopped. What each last said is kept for control's next start.
 */
import type { Config } from '../../lib/config.ts'
import type { DiskId } from '../../lib/disk.ts'
import type { Log } from '../../lib/log.ts'
import { removeMountpoint } from '../../lib/mountpoint.ts'
import { describeMount, mountedUpon, unmountStanding, type MountIdentity } from '../../lib/standing-mount.ts'
import { diskSource } from '../../mount/disk/source.ts'
import type { MountStatistics } from '../../mount/engine.ts'
import { detachDead } from '../../mount/recover.ts'
import type { ChangeRecord } from './change-record.ts'
import { Child } from './child.ts'
import { parseFromMount } from './from-mount.ts'
import type { FromMount, MountRecord, MountReport, ToMount } from './messages.ts'
import { MountNotices } from './mount-notices.ts'
import { mountName, type ProcessView } from './process-view.ts'

interface Mount {
  readonly record: MountRecord
  readonly child: Child<FromMount, ToMount>
  readonly notices: MountNotices
  report: MountReport
  /** The mount that it made last. */
  identity: MountIdentity | undefined
  /** Somebody waits for the answer to `unmount`. */
  asked: ((answer: MountReport) => void) | undefined
}

/** Milliseconds for an unmount to be done. */
const unmountTime = 10_000
/** Milliseconds for a mount process to say that it is there. */
const answerTime = 5_000

/**
 * What a mount process can't change while it runs. Tags, an alias and what S3 alone heeds are no reason to unmount
 * what somebody may use.
 */
const essence = ({ disk, ...rest }: MountRecord) => JSON.stringify([rest, diskSource(disk)])

export class Mounts {
  readonly #config: Config
  readonly #log: Log
  readonly #heard: (diskId: DiskId, report: MountReport) => void
  readonly #measured: (diskId: DiskId, question: number, figures: MountStatistics) => void
  readonly #changed: () => void
  readonly #lockFd: number
  readonly #mounts = new Map<DiskId, Mount>()
  /** Of each disk: what is being done about it. */
  readonly #work = new Map<DiskId, Promise<void>>()
  #stopping = false

  constructor(
    config: Config,
    log: Log,
    heard: (diskId: DiskId, report: MountReport) => void,
    measured: (diskId: DiskId, question: number, figures: MountStatistics) => void,
    changed: () => void,
    lockFd: number,
  ) {
    this.#lockFd = lockFd
    this.#config = config
    this.#log = log
    this.#heard = heard
    this.#measured = measured
    this.#changed = changed
  }

  get views(): readonly ProcessView[] {
    return [...this.#mounts.values()].map((mount) => mount.child.view)
  }

  get reports(): ReadonlyMap<DiskId, MountReport> {
    return new Map([...this.#mounts].map(([id, mount]) => [id, mount.report]))
  }

  /** Asks each mount that stands for its figures: which were asked. */
  measure(question: number): DiskId[] {
    const standing = [...this.#mounts].filter(([, { report }]) => report.state === 'mounted')
    for (const [, { child }] of standing) child.say({ type: 'measure', question })
    return standing.map(([id]) => id)
  }

  /** Has the kernels told of changes: resolves when each has been, or has had its time. */
  async tell(changes: readonly ChangeRecord[]): Promise<void> {
    const standing = [...this.#mounts.values()].filter(({ child }) => child.running)
    await Promise.all(standing.map(({ notices }) => notices.tell(changes)))
  }

  /** Ends the disk's mount, unless somebody uses it and it isn't forced; a report says which. */
  unmount(id: DiskId, force: boolean): void {
    void this.#queue(id, () => (force ? this.#force(id) : this.#ask(id)))
  }

  /** Makes what stands what is wanted: of each disk one change after the other, the latest wish last. */
  want(records: readonly MountRecord[]): void {
    const wanted = new Map(records.map((record) => [record.disk.id, record]))
    for (const id of new Set([...this.#mounts.keys(), ...this.#work.keys(), ...wanted.keys()]))
      void this.#queue(id, () => this.#reconcile(id, wanted.get(id)))
  }

  /** Takes away the directories that control has made for what nobody mounts any more, since we are stopping. */
  decline(records: readonly MountRecord[]): void {
    for (const record of records) void this.#queue(record.disk.id, () => this.#clearUnmounted(record))
  }

  /** Unmounts all, side by side. */
  async stop(): Promise<void> {
    this.#stopping = true
    // Nobody waits any longer for one that was asked before.
    for (const { asked } of this.#mounts.values()) asked?.({ state: 'busy', users: [] })
    for (const id of this.#mounts.keys()) void this.#queue(id, () => this.#remove(id))
    await Promise.all(this.#work.values())
  }

  /** Runs what is to be done about one disk in its turn; other disks wait for nothing of it. */
  async #queue(id: DiskId, work: () => Promise<void> | void): Promise<void> {
    const done = (this.#work.get(id) ?? Promise.resolve()).then(work)
    this.#work.set(id, done)
    await done
    if (this.#work.get(id) === done) this.#work.delete(id)
  }

  async #reconcile(id: DiskId, record: MountRecord | undefined): Promise<void> {
    if (this.#stopping) return record === undefined ? undefined : this.#clearUnmounted(record)
    const mount = this.#mounts.get(id)
    const isStale = mount !== undefined && (record === undefined || essence(record) !== essence(mount.record))
    if (isStale) await this.#remove(id)
    if (record !== undefined && !this.#mounts.has(id) && !this.#stopping) this.#add(id, record)
  }

  #add(id: DiskId, record: MountRecord): void {
    const hear = (report: MountReport) => {
      const mount = this.#mounts.get(id)
      if (mount === undefined) return
      if (mount.asked !== undefined) return mount.asked(report)
      // It is unmounted when its process is gone and its directory cleared, which `#remove` says.
      if (report.state === 'busy' || report.state === 'unmounted') return
      mount.report = report
      if (report.state === 'mounted') {
        mount.identity = report.mount
        mount.child.ready()
      }
      if (report.state === 'failed') this.#log.error('mount.failed', { disk: id, error: report.error })
      this.#heard(id, report)
    }
    const child: Child<FromMount, ToMount> = new Child<FromMount, ToMount>({
      role: 'mount',
      name: mountName(id),
      module: 'mounter.js',
      diskId: id,
      lockFd: this.#lockFd,
      log: this.#log,
      check: parseFromMount,
      started: () => {
        const previous = this.#mounts.get(id)?.identity
        child.say({
          type: 'start',
          config: this.#config,
          mount: record,
          ...(previous === undefined ? {} : { previous }),
        })
      },
      hear: {
        mount: ({ report }) => hear(report),
        measured: ({ question, figures }) => this.#measured(id, question, figures),
        told: (message) => notices.told(message.id),
      },
      crashed: (how) => {
        notices.ended()
        const asked = this.#mounts.get(id)?.asked
        if (asked !== undefined) {
          asked({ state: 'unmounted' })
          return false
        }
        // A process that said why it failed has been heard; one that just died leaves its mount to be cleaned
        // by the next.
        if (this.#mounts.get(id)?.report.state !== 'failed') {
          hear({ state: 'failed', error: `the mount process ended: ${how}` })
        }
        return true
      },
      changed: this.#changed,
    })
    const notices = new MountNotices((message) => child.say(message))
    this.#mounts.set(id, {
      record,
      child,
      notices,
      report: { state: 'mounting' },
      identity: undefined,
      asked: undefined,
    })
    this.#heard(id, { state: 'mounting' })
    child.start()
  }

  /** What others have mounted on it or in it is theirs, and would go with it. */
  async #force(id: DiskId): Promise<void> {
    const { identity } = this.#mounts.get(id) ?? {}
    const [upon] = identity === undefined ? [] : mountedUpon(identity)
    if (upon === undefined) return this.#remove(id, 0)
    const why = `${describeMount(upon)} is mounted there: unmount that first`
    this.#heard(id, { state: 'busy', users: [], why })
  }

  async #ask(id: DiskId): Promise<void> {
    const mount = this.#mounts.get(id)
    if (mount === undefined) return this.#heard(id, { state: 'unmounted' })
    if (mount.report.state !== 'mounted') return this.#remove(id)
    const answer = await new Promise<MountReport>((resolve) => {
      const why = 'its mount process does not answer: --force ends it'
      const timer = setTimeout(resolve, unmountTime, { state: 'busy', users: [], why })
      mount.asked = (report) => {
        clearTimeout(timer)
        resolve(report)
      }
      mount.child.say({ type: 'unmount' })
      void mount.child.answers(answerTime).then((does) => {
        if (!does) mount.asked?.({ state: 'busy', users: [], why })
      })
    })
    mount.asked = undefined
    if (answer.state === 'busy') this.#heard(id, answer)
    else await this.#remove(id)
  }

  async #remove(id: DiskId, drain = unmountTime): Promise<void> {
    const mount = this.#mounts.get(id)
    if (mount === undefined) return this.#heard(id, { state: 'unmounted' })
    await mount.child.stop({ type: 'stop', drain }, drain)
    mount.notices.ended()
    const why = await this.#clear(mount.record, mount.identity)
    this.#mounts.delete(id)
    if (why === undefined) this.#heard(id, { state: 'unmounted' })
    else {
      this.#heard(id, { state: 'failed', error: why })
      this.#heard(id, { state: 'busy', users: [], why })
    }
    this.#changed()
  }

  async #clearUnmounted(record: MountRecord): Promise<void> {
    if (!this.#mounts.has(record.disk.id)) await this.#clear(record)
  }

  /**
   * Takes away what is left of a mount whose process is gone: a dead mount where it was killed, our directory. Answers
   * why the mount still stands, if it does.
   */
  async #clear({ disk, mountpoint }: MountRecord, identity?: MountIdentity): Promise<string | undefined> {
    try {
      if (identity !== undefined) unmountStanding(identity, true)
    } catch (error) {
      this.#log.error('mount.stuck', { disk: disk.id, mountpoint, error })
      return error instanceof Error ? error.message : String(error)
    }
    try {
      await detachDead(mountpoint)
    } catch (error) {
      this.#log.debug('mount.kept', { disk: disk.id, mountpoint, error })
      return undefined
    }
    if (disk.mountMade !== null) removeMountpoint(mountpoint, disk.mountMade)
    return undefined
  }
}
