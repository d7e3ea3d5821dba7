/**
 * The process of one mount. The primary says what to mount and when to stop; dying, by whatever signal, takes
 * no door but this one away, and the next process on the same mount point cleans up after it.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Config } from '../lib/config.ts'
import { bucketName } from '../lib/disk.ts'
import { Fault } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { remakeMountpoint } from '../lib/mountpoint.ts'
import { describeMount, mountedUpon, unmountStanding, type MountIdentity } from '../lib/standing-mount.ts'
import { errno, SystemError } from '../lib/sys/errno.ts'
import { diskSource } from '../mount/disk/source.ts'
import { defaultMountOptions, type MountSession } from '../mount/engine.ts'
import { chooseEngine } from '../mount/engines.ts'
import { detachDead } from '../mount/recover.ts'
import { usersOf } from '../mount/users.ts'
import { fromChangeRecord, type ChangeRecord } from './processes/change-record.ts'
import type { FromMount, MountRecord, MountReport, ToMount } from './processes/messages.ts'
import { servePrimary } from './processes/serve-primary.ts'

/** Milliseconds between two tries to unmount what is busy. */
const retryPause = 100
/** Milliseconds for a mount to note its figures; who asks waits twice as long. */
const noted = 1000
/** Milliseconds for the last message to go out before the process ends. */
const lastWords = 20

// Masks are the callers' own, and the kernel has applied them.
process.umask(0)

let say: (message: FromMount) => void = () => {}
let log: Log | undefined
let session: MountSession | undefined
/** Settled when the mount stands, or never will. */
let started: Promise<void> = Promise.resolve()
/** Settled when nobody is being told whether the mount could end. */
let released: Promise<void> = Promise.resolve()
let stopping = false

const report = (of: MountReport) => say({ type: 'mount', report: of })

servePrimary<ToMount, FromMount>('mount', {
  start({ config, mount, previous }, line, processLog) {
    // A title can't outgrow the command line that it replaces: the end of a long path may be missing.
    process.title = `twofold mount ${mount.mountpoint}`
    say = (message) => line.say(message)
    log = processLog.with({ disk: mount.disk.id })
    return (started = start(config, mount, previous, log))
  },

  hear: {
    unmount: () => void (released = release()),
    measure: ({ question }) => void measure(question),
    changed: ({ id, changes }) => void invalidate(id, changes),
  },

  stop,
})

/** Mounts, or says why not and ends this process; the primary starts another. */
async function start(
  config: Config,
  record: MountRecord,
  previous: MountIdentity | undefined,
  log: Log,
): Promise<void> {
  const { disk, mountpoint } = record
  report({ state: 'mounting' })
  try {
    // It may have been moved with the directories above.
    if (previous !== undefined) unmountStanding(previous, true)
    // Before mkdir: a dead mount point fails every call on it.
    const detached = await detachDead(mountpoint)
    if (detached > 0) log.warn('mount.recovered', { mountpoint, detached })
    remakeMountpoint(mountpoint)
    const { engine, notes } = chooseEngine(record.engine)
    // What can't be told of changes keeps nothing.
    const timeout = engine.supports.has('notify') ? config.attributeTimeout / 1000 : 0
    session = await engine.start(
      {
        ...diskSource(disk),
        readOnly: record.readOnly,
        maxUserHandles: config.mountHandles,
        state: config.state,
      },
      mountpoint,
      {
        ...defaultMountOptions,
        readOnly: record.readOnly,
        source: `twofold:${bucketName(disk)}`,
        attributeTimeout: timeout,
        entryTimeout: timeout,
        birthTimes: config.birthTimes === 'on',
        threads: config.mountThreads,
        passthrough: config.passthrough === 'auto',
        locks: config.locks,
        trace: config.mountTrace === 'on',
        allowOther: record.allowOther === 'auto' ? process.getuid?.() === 0 : record.allowOther === 'yes',
      },
    )
    const said = [...notes]
    if (session.notice !== null) said.push(session.notice)
    if (config.locks === 'host' && !engine.supports.has('hostLocks'))
      said.push(`locks stay in the mount: the engine ${engine.name} can't pass them on to the host`)
    const { passthrough } = session
    log.info('mount.mounted', { mountpoint, engine: engine.name, passthrough, notes: said })
    report({ state: 'mounted', mount: session.mount, engine: engine.name, passthrough, notes: said })
    session.closed.then(
      () => ended('somebody else unmounted it'),
      (error: unknown) => ended(error instanceof Error ? error.message : String(error)),
    )
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    log.error('mount.failed', { mountpoint, error })
    report({ state: 'failed', error: why })
    leave(1)
  }
}

/** Nobody is told where the mount doesn't answer: who asked knows by the silence. */
async function measure(question: number): Promise<void> {
  if (session === undefined || stopping) return
  try {
    say({ type: 'measured', question, figures: await session.statistics(noted) })
  } catch (error) {
    log?.debug('mount.unmeasured', { error })
  }
}

/** Makes the kernel forget what it knows of what changed. One that still mounts may know something already. */
async function invalidate(id: number, changes: readonly ChangeRecord[]): Promise<void> {
  await started
  try {
    await session?.invalidate(changes.map(fromChangeRecord))
  } catch (error) {
    // The mount went away, and what its kernel knew with it.
    log?.debug('mount.untold', { error })
  }
  say({ type: 'told', id })
}

/** The mount is gone. Unless we are stopping, the primary starts another process, which mounts again. */
function ended(why: string): void {
  if (stopping) return
  log?.error('mount.ended', { why })
  report({ state: 'failed', error: why })
  leave(1)
}

/** Unmounts if nobody uses it; else says so, and goes on. */
async function release(): Promise<void> {
  await started
  const mounted = session
  // What didn't come to stand says so itself.
  if (stopping || mounted === undefined) return
  stopping = true
  try {
    await mounted.unmount(false)
  } catch (error) {
    stopping = false
    const busy = error instanceof SystemError && error.errno === errno.EBUSY
    const inside = mountedUpon(mounted.mount).map((one) => `what is mounted on ${describeMount(one)}`)
    const users = [...inside, ...usersOf(mounted.mountpoint).map(shown)]
    log?.warn('mount.busy', { mountpoint: mounted.mountpoint, users })
    if (!busy) log?.error('mount.stuck', { mountpoint: mounted.mountpoint, error })
    return report({ state: 'busy', users, ...(error instanceof Fault ? { why: error.message } : {}) })
  }
  report({ state: 'unmounted' })
  leave(0)
}

const shown = ({ pid, command, path }: ReturnType<typeof usersOf>[number]) => `${command} (${pid}): ${path}`

/**
 * Unmounts as soon as nobody uses it any more, lazily after half of `drain` milliseconds, and says who was in
 * the way.
 */
async function stop(drain: number): Promise<void> {
  const deadline = Date.now() + drain / 2
  // Leaving in the middle of mount(2) or umount(2) would leave a dead mount behind.
  await Promise.all([started, released])
  const mounted = session
  if (stopping || mounted === undefined) return pause(lastWords)
  stopping = true
  for (let said = false; ;) {
    try {
      const lazy = Date.now() >= deadline
      const unmounted = mounted.unmount(lazy)
      // Its last user may take its time after a lazy one.
      await (lazy ? Promise.race([unmounted, pause(Math.max(drain / 2, 100))]) : unmounted)
      break
    } catch (error) {
      if (!(error instanceof SystemError) || error.errno !== errno.EBUSY) {
        log?.error('mount.stuck', { mountpoint: mounted.mountpoint, error })
        break
      }
      if (!said) {
        const users = usersOf(mounted.mountpoint).map(shown)
        log?.warn('mount.busy', { mountpoint: mounted.mountpoint, users })
        said = true
      }
      await pause(retryPause)
    }
  }
  report({ state: 'unmounted' })
  await pause(lastWords)
}

function leave(status: number): void {
  setTimeout(() => process.exit(status), lastWords)
}
