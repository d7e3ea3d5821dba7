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
  #work: Promise<void> = Promise.resolve()
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
    this.#work = this.#work.then(() => (force ? this.#force(id) : this.#ask(id)))
  }

  /** Makes what stands what is wanted: one change after the other, the latest wish last. */
  want(records: readonly MountRecord[]): void {
    this.#work = this.#work.then(() => this.#reconcile(records))
  }

  /** Takes away the directories that control has made for what nobody mounts any more, since we are stopping. */
  decline(records: readonly MountRecord[]): void {
    this.#work = this.#work.then(() => this.#clearUnmounted(records))
  }

  /** Unmounts all, side by side. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.#work
    await Promise.all([...this.#mounts.keys()].map((id) => this.#remove(id)))
  }

  async #reconcile(records: readonly MountRecord[]): Promise<void> {
    if (this.#stopping) return this.#clearUnmounted(records)
    const wanted = new Map(records.map((record) => [record.disk.id, record]))
    const stale = [...this.#mounts].filter(([id, mount]) => {
      const record = wanted.get(id)
      return record === undefined || essence(record) !== essence(mount.record)
    })
    await Promise.all(stale.map(([id]) => this.#remove(id)))
    for (const [id, record] of wanted) if (!this.#mounts.has(id)) this.#add(id, record)
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
      mount.asked = resolve
      mount.child.say({ type: 'unmount' })
      setTimeout(resolve, unmountTime, { state: 'busy', users: [] }).unref()
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

  async #clearUnmounted(records: readonly MountRecord[]): Promise<void> {
    for (const record of records) if (!this.#mounts.has(record.disk.id)) await this.#clear(record)
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
