/**
 * An S3 worker: serves the S3 door on the socket that the primary holds, by the records that control last
 * published. It opens no store and goes on serving when control is away.
 */
import type { IncomingMessage } from 'node:http'
import { Server } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { doorKeys, type DoorKeys } from '../lib/auth/door-keys.ts'
import { Roster } from '../lib/roster.ts'
import { HiddenState } from '../lib/tree/hidden-state.ts'
import { Roots } from '../lib/tree/roots.ts'
import { breakOff } from './http/send-file.ts'
import { createDoors } from './doors.ts'
import type { Listener } from './http/listener.ts'
import { ControlAsker } from './processes/ask-control.ts'
import { handedFd } from './processes/child.ts'
import type { DoorRecord, FromWorker, ToWorker } from './processes/messages.ts'
import { MountTeller } from './processes/tell-mounts.ts'
import { Tally } from './metrics/tally.ts'
import { DiskReacher } from './processes/reach-disks.ts'
import { openSockets } from './processes/disk-sockets.ts'
import { FarDisks, versionField } from './far-disks.ts'
import { servePrimary } from './processes/serve-primary.ts'

const roster = new Roster()
const roots = new Roots((disk) => {
  far?.refused(disk)
  say({ type: 'refused', diskId: disk.id })
})
const tally = new Tally()
let keys: DoorKeys | undefined
let server: Listener | undefined
let say: (message: FromWorker) => void = () => {}
const control = new ControlAsker((message) => say(message))
const mounts = new MountTeller((message) => say(message))
const reacher = new DiskReacher((message) => say(message))
let far: FarDisks | undefined
/** Of the records that requests are answered by. */
let version = 0
/** Requests that were let in by later records than ours. */
const early: { readonly version: number; readonly resolve: () => void }[] = []

/** Milliseconds for a read from a slow disk to end. */
const lettingGo = 2_000

/** Replaces what requests are answered by; requests that run now were admitted before. */
function apply(doors: DoorRecord): void {
  keys = doorKeys(doors.keys)
  roster.replace(doors.roster)
  // A root that is kept open keeps its file system from being unmounted.
  const live = new Set(doors.roster.disks.filter(({ letGo }) => !letGo).map(({ id }) => id))
  roots.prune(live)
  tally.prune(new Set(doors.roster.disks.map(({ id }) => id)))
  far?.prune(live)
  version = doors.version
  for (const one of early.splice(0))
    if (one.version <= version) one.resolve()
    else early.push(one)
  const applied = () => say({ type: 'applied', version: doors.version })
  if (live.size === doors.roster.disks.length) return applied()
  // Nobody who puts a disk offline is told so before its files are let go of, but for one that hangs.
  const held = breakOff((disk) => disk !== undefined && roster.bucket(disk)?.letGo === true)
  void Promise.race([held, pause(lettingGo, undefined, { ref: false })]).then(applied)
}

/** Resolves when this process has the records by which another has let the request in. */
function caughtUp(request: IncomingMessage): Promise<void> | undefined {
  const wanted = Number(request.headers[versionField] ?? 0)
  if (!(wanted > version)) return undefined
  return new Promise((resolve) => early.push({ version: wanted, resolve }))
}

let closed: Promise<void> | undefined
/**
 * From now on new connections go to other workers, and each that is open ends with its next answer, however busy its
 * client keeps it. Resolves when the last has ended. Node's own `close` of an HTTP server would end idle ones at once,
 * under a request that may be on its way.
 */
function refuseConnections(door: Listener): Promise<void> {
  closed ??= new Promise((resolve) => {
    Server.prototype.close.call(door, () => resolve())
    door.prependListener('request', (_request, response) => (response.shouldKeepAlive = false))
  })
  return closed
}

/** Ends this process when its last connection has ended, whenever that is. */
function retire(): void {
  if (server === undefined) return process.exit(0)
  void refuseConnections(server).then(() => process.exit(0))
  say({ type: 'retired' })
}

servePrimary<ToWorker, FromWorker>('worker', {
  async start({ config, doors, suspects, only }, line, log) {
    say = (message) => line.say(message)
    roots.hide(new HiddenState(config.state))
    apply(doors)
    if (only === undefined)
      far = new FarDisks({
        reacher,
        socketOf: openSockets(config.state),
        patience: config.answerTimeout,
        version: () => version,
        log,
      })
    else process.title = `twofold disk ${only}`
    if (suspects !== undefined) far?.suspect(suspects)
    const door = createDoors({
      roster,
      keys: () => {
        if (keys === undefined) throw new Error('no keys yet')
        return keys
      },
      roots,
      control,
      mounts,
      log,
      tally,
      // What passes a request on adds fields to it.
      config: far === undefined ? { ...config, maxHeaderBytes: config.maxHeaderBytes + 1024 } : config,
      ...(far === undefined ? { passedOn: { until: caughtUp } } : { elsewhere: far }),
    })
    server = door
    await new Promise<void>((resolve, reject) => {
      door.once('error', reject)
      door.listen({ fd: handedFd }, () => {
        door.off('error', reject)
        resolve()
      })
    })
    say({ type: 'ready' })
  },

  hear: {
    doors: ({ doors }) => apply(doors),
    answer: (message) => control.heard(message),
    told: (message) => mounts.heard(message),
    reached: (message) => reacher.heard(message),
    suspects: ({ disks }) => far?.suspect(disks),
    retire,
    measure: ({ question }) =>
      server?.getConnections((_error, connections = 0) => {
        say({ type: 'measured', question, figures: tally.figures(connections) })
      }),
  },

  async stop(drain) {
    const door = server
    if (door === undefined) return
    far?.close()
    const closed = refuseConnections(door)
    const idle = setInterval(() => door.closeIdleConnections(), 50)
    const timer = setTimeout(() => door.closeAllConnections(), drain)
    await closed
    clearInterval(idle)
    clearTimeout(timer)
  },
})
