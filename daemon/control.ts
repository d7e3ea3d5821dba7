/**
 * The control process: it alone opens the store and writes the keyring, and it answers the control API on a
 * unix socket. What the doors go by leaves here through the primary.
 */
import { chmodSync, rmSync } from 'node:fs'
import { hostname } from 'node:os'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { doorKeysRecord } from '../lib/auth/door-keys.ts'
import { KeyringFile } from '../lib/auth/keyring.ts'
import { shareSeconds } from '../lib/auth/share.ts'
import type { Config } from '../lib/config.ts'
import { followsNowhere, type Disk } from '../lib/disk.ts'
import { Disks } from '../lib/disks.ts'
import { Fault } from '../lib/errors.ts'
import { formatListen, type ListenAddress } from '../lib/listen-address.ts'
import { makeDirectories } from '../lib/make-directories.ts'
import { requireOwnSocket, requireOwnState } from '../lib/own-state.ts'
import { canonicalPlace } from '../lib/roots.ts'
import type { Milestone } from '../lib/store/records.ts'
import { put, Store } from '../lib/store/store.ts'
import { Users } from '../lib/users.ts'
import { answerQuestion } from './control/answers.ts'
import { socketOwner } from './control/caller.ts'
import type { Daemon } from './control/daemon.ts'
import { FigureCollector } from './control/collect-figures.ts'
import { samplesOf } from './control/metrics.ts'
import { listenForMetrics } from './control/metrics-listener.ts'
import { MountStates } from './control/mount-states.ts'
import { Publisher, type Snapshot } from './control/publisher.ts'
import { createControlServer } from './control/server.ts'
import type { Listener } from './http/listener.ts'
import type { FromControl, MountRecord, ToControl } from './processes/messages.ts'
import type { ProcessView } from './processes/process-view.ts'
import { managedRoots } from './processes/worker-confinement.ts'
import { servePrimary } from './processes/serve-primary.ts'

const mounts = new MountStates()
let processes: readonly ProcessView[] = []
let publisher: Publisher | undefined
let store: Store | undefined
let server: Listener | undefined
let metrics: Listener | undefined
let figureCollector: FigureCollector | undefined
/** From when the primary hears that we are ready; before, it passes no question on. */
let answer: ((message: Extract<ToControl, { type: 'ask' }>) => Promise<void>) | undefined
/** Changes run one after the other, and the last has ended before the store closes. */
let queue: Promise<unknown> = Promise.resolve()

servePrimary<ToControl, FromControl>('control', {
  async start({ config, listen, startedAt }, line, log) {
    // Once more, since this process is started again while the daemon runs.
    const state = requireOwnState(config)
    const keyring = KeyringFile.open(join(state, 'keyring.json'))
    // The primary starts another, which reads what is stored.
    store = await Store.open(join(state, 'level'), () => void setTimeout(() => process.exit(1), 100))
    const places = { state, mounts: canonicalPlace(config.mounts) }
    // It stands before the first worker starts, which may read what is in it when it starts and nothing else.
    makeDirectories(managedRoots(state), 0o700)
    const disks = await Disks.load(store, places)
    const users = await Users.load(store)
    const oldLinksUntil = (await since(store, 'signed links')) / 1000 + shareSeconds.longest
    const snapshot: Snapshot = () => ({
      doors: {
        roster: {
          disks: disks.list().map((disk) => withheld(disks, disk)),
          users: users.withSecrets(keyring.keyring),
        },
        keys: doorKeysRecord(keyring.keyring, oldLinksUntil),
      },
      mounts: wantedMounts(config, disks),
    })
    const published = new Publisher((message) => line.say(message), snapshot)
    publisher = published
    const collecting = new FigureCollector((message) => line.say(message))
    figureCollector = collecting
    const figures = () => samplesOf(daemon)
    const scraped =
      config.metricsListen === null
        ? null
        : await listenForMetrics(config.metricsListen, config, figures, log)
    metrics = scraped?.server
    const daemon: Daemon = {
      config,
      log,
      disks,
      users,
      keyring,
      oldLinksUntil,
      mounts,
      listen: formatListen(listen),
      endpoint: config.publicUrl ?? `http://${formatListen(reachable(listen))}`,
      metricsListen: scraped === null ? null : formatListen(scraped.address),
      startedAt,
      processes: () => processes,
      collectFigures: () => collecting.collect(),
      publish: () => published.publish(),
      unmount: (diskId, force) => line.say({ type: 'unmount', diskId, force }),
      alone: (change) => {
        const result = queue.then(change)
        queue = result.catch(() => {})
        return result
      },
    }
    server = createControlServer(daemon, () => socketOwner)
    await listenOn(server, config.controlSocket)
    for (const disk of disks.list()) {
      if (followsNowhere(disk.settings))
        log.warn('disk.follows-nowhere', {
          disk: disk.id,
          advice:
            'symlinks: follow needs followInto: name directories with --follow-into, or set --symlinks inside',
        })
      // Nobody waits for a root that takes its time to answer.
      void disks.offline(disk).then((reason) => {
        if (reason !== undefined) log.warn('disk.offline', { disk: disk.id, reason })
      })
    }
    // Nobody waits for the first one: the workers start by it.
    void published.publish()
    answer = async ({ from, id, name, question }) =>
      line.say({ type: 'answer', to: from, id, answer: await answerQuestion(daemon, name, question) })
    line.say({ type: 'ready' })
    log.info('control.ready', {
      socket: config.controlSocket,
      disks: disks.list().length,
      users: users.list().length,
    })
  },

  hear: {
    published: ({ version }) => publisher?.published(version),
    mount: ({ diskId, report }) => mounts.heard(diskId, report),
    processes: (message) => (processes = message.processes),
    asked: (message) => figureCollector?.hear(message),
    measured: (message) => figureCollector?.hear(message),
    ask: (message) => void answer?.(message),
  },

  async stop(drain) {
    const closed = new Promise<void>((resolve) =>
      server === undefined ? resolve() : server.close(() => resolve()),
    )
    server?.closeIdleConnections()
    metrics?.close()
    metrics?.closeAllConnections()
    const timer = setTimeout(() => server?.closeAllConnections(), drain)
    // A change that waits for workers which are gone would wait for ever.
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, drain + 500))])
    clearTimeout(timer)
    await store?.close()
  },
})

/**
 * A disk whose root may not be one (the state directory has come to lie in it, say) goes out with an identity
 * that nothing has, so that the doors find it offline.
 */
function withheld(disks: Disks, disk: Disk): Disk {
  if (disks.rootRefusal(disk) === undefined) return disk
  return { ...disk, identity: { fileSystem: 'withheld', ino: '0' } }
}

function wantedMounts(config: Config, disks: Disks): MountRecord[] {
  const wanted: MountRecord[] = []
  for (const disk of disks.list()) {
    if (disk.mountpoint === null || disk.letGo) continue
    const refusal = disks.rootRefusal(disk) ?? disks.mountRefusal(disk)
    if (refusal !== undefined) mounts.heard(disk.id, { state: 'failed', error: refusal })
    else {
      wanted.push({
        disk,
        mountpoint: disk.mountpoint,
        readOnly: disk.mountReadOnly,
        engine: config.engine,
        allowOther: config.allowOther,
      })
    }
  }
  return wanted
}

/** When this state first had `what`, milliseconds since the epoch: now, if it hasn't had it before. */
async function since(store: Store, what: Milestone['name']): Promise<number> {
  const known = (await store.all('milestones')).find(({ name }) => name === what)
  const { at } = known ?? { at: new Date().toISOString() }
  if (known === undefined) await store.write([put('milestones', { name: what, at })])
  return Date.parse(at)
}

/** An address that says "every one" is reached by the machine's name. */
const reachable = ({ host, port }: ListenAddress): ListenAddress =>
  host === '0.0.0.0' || host === '::' ? { host: hostname(), port } : { host, port }

/** sun_path holds 108 bytes with the NUL at its end (linux/un.h). */
const longestSocketPath = 107

/** Listens on `path`, for its owner alone. A socket that a killed daemon left there is removed. */
async function listenOn(server: Listener, path: string): Promise<void> {
  const length = Buffer.byteLength(path)
  if (length > longestSocketPath) {
    throw new Fault(
      'InvalidSetting',
      `the control socket ${path} has a path of ${length} bytes, a unix socket's is at most ${longestSocketPath}: name a shorter one with --control-socket`,
    )
  }
  const refuse = (thrown: unknown) => {
    const why = thrown instanceof Error ? thrown.message : String(thrown)
    return new Fault(
      'InvalidSetting',
      `can't open the control socket ${path} (${why}): name another one with --control-socket`,
    )
  }
  requireOwnSocket(path)
  try {
    makeDirectories(dirname(path), 0o755)
  } catch (thrown) {
    throw refuse(thrown)
  }
  requireOwnSocket(path)
  if (await somebodyAnswers(path)) {
    throw new Fault(
      'DaemonRunning',
      `another daemon answers on ${path}: name another one with --control-socket`,
    )
  }
  const before = process.umask(0o177)
  try {
    rmSync(path, { force: true })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ path }, () => {
        server.off('error', reject)
        resolve()
      })
    })
  } catch (thrown) {
    throw refuse(thrown)
  } finally {
    process.umask(before)
  }
  chmodSync(path, 0o600)
}

function somebodyAnswers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path })
    const done = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => done(true))
    socket.once('error', () => done(false))
    socket.setTimeout(1000, () => done(true))
  })
}
