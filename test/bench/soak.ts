/**
 * `npm run soak:mount [-- --minutes N] [--kills N] [--engine NAME] [--passthrough auto|off]`: eight processes at mixed work,
 * root's and ordinary users', on the mount of a real daemon, whose mount process is killed again and again in the
 * first two thirds of the time while a reader asks at the S3 door. Then everything that fsync had promised must be
 * in the host's directory, and the last mount process must hold no more than it did when it was young.
 */
import { execFile } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs, promisify } from 'node:util'
import { Client } from '../../daemon/cli/client.ts'
import type { ProcessView } from '../../daemon/processes/process-view.ts'
import { startDaemon } from '../fixtures/daemon.ts'
import { available } from '../fixtures/posix/available.ts'
import { watchConnections } from './soak/connections.ts'
import { descriptorsOf, heldBy, shown, type Held } from './soak/held.ts'
import { readOn } from './soak/reader.ts'
import { roles as allRoles } from './soak/roles.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    kills: { type: 'string', default: '5' },
    engine: { type: 'string', default: 'kernel' },
    passthrough: { type: 'string', default: 'auto' },
  },
})
const seconds = Number(values.minutes) * 60
const kills = Number(values.kills)
/**
 * What the last mount process may hold more at rest than when it was new, where threads may have come, and in memory late
 * than early. At work it has as many directories open as the work needs.
 */
const mostMoreDescriptors = 32
const mostMoreKilobytes = 32 * 1024

const say = (text: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`)
const faults: string[] = []
const fault = (text: string) => {
  faults.push(text)
  say(`FAULT ${text}`)
}

const roles = allRoles.filter((role) => {
  const missing = available(...role.needs)
  if (missing !== false) say(`${role.name} is left out: ${missing}`)
  return missing === false
})
const scratch = mkdtempSync(join(tmpdir(), 'twofold-soak-'))
chmodSync(scratch, 0o755)
const [root, ledgers, epoch] = [join(scratch, 'root'), join(scratch, 'ledgers'), join(scratch, 'epoch')]
for (const directory of [root, ledgers]) mkdirSync(directory)
chmodSync(ledgers, 0o777)
for (const { name, user } of roles) {
  mkdirSync(join(root, name))
  chownSync(join(root, name), user, user)
}
writeFileSync(join(root, 'hello.txt'), 'hello')
writeFileSync(epoch, '0 up')

const connections = watchConnections(join(scratch, 'connections'))
const daemon = await startDaemon(root, {
  state: join(scratch, 'state'),
  args: ['--listen', '127.0.0.1:0', '--engine', values.engine, '--passthrough', values.passthrough],
})
const { mountpoint } = daemon
if (mountpoint === null) throw new Error(`there is no mount\n${daemon.log()}`)
const control = new Client(join(daemon.state, 'control.sock'))
const processes = async (): Promise<readonly ProcessView[]> =>
  (await control.ask('status').catch(() => undefined))?.processes ?? []
async function readyMount(not = 0): Promise<number> {
  for (;;) {
    const one = (await processes()).find(({ role, state }) => role === 'mount' && state === 'ready')
    if (one?.pid != null && one.pid !== not) return one.pid
    await pause(20)
  }
}
const others = async () =>
  (await processes()).filter(({ role }) => role !== 'mount').map(({ pid }) => pid ?? 0)

const disk = await control.ask('showDisk', { id: daemon.disk })
say(`mounted by ${values.engine}, passthrough ${disk.mount?.passthrough === true ? 'on' : 'off'}`)
const ours = new Set([connections.of(mountpoint)])
let pid = await readyMount()
const fresh = heldBy([pid])
const door = readOn(daemon, 'hello.txt', 'hello')

const work = join(import.meta.dirname, 'soak/work.js')
const began = Date.now()
const workers = roles.map(async ({ name, user }) => {
  const args = [work, name, join(mountpoint, name), join(ledgers, name), epoch, String(seconds)]
  const identity = user === 0 ? {} : { uid: user, gid: user }
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, { ...identity, cwd: '/' })
    return { name, ...(JSON.parse(stdout) as { rounds: number; interrupted: number }) }
  } catch (error) {
    fault(`${name}: ${String(error)}`)
    return { name, rounds: 0, interrupted: 0 }
  }
})
const worked = Promise.all(workers)

const killed = (async () => {
  for (let kill = 1; kill <= kills; kill++) {
    await pause(began + (kill * seconds * 1000 * 2) / 3 / (kills + 1) + Math.random() * 2000 - Date.now())
    writeFileSync(epoch, `${kill} down`)
    const at = Date.now()
    process.kill(pid, 'SIGKILL')
    pid = await readyMount(pid)
    ours.add(connections.of(mountpoint))
    writeFileSync(epoch, `${kill} up`)
    say(`killed ${kill} of ${kills}, mounted again after ${Date.now() - at} ms`)
  }
})()
const watching = setInterval(() => {
  say(`${Math.round((Date.now() - began) / 1000)} s, mount process: ${shown(heldBy([pid]))}`)
}, 60_000)

await Promise.race([killed, worked])
// Young, but warm.
await Promise.race([pause((seconds * 1000) / 12), worked])
const early = { mount: heldBy([pid]), others: heldBy(await others()) }
say(`early: ${shown(early.mount)}`)
const outcomes = await worked
const late = { mount: heldBy([pid]), others: heldBy(await others()) }
clearInterval(watching)
for (const { name, rounds, interrupted } of outcomes)
  say(`${name}: ${rounds} rounds, ${interrupted} interrupted`)

// What the kernel remembers of names and files, and so we of nodes.
writeFileSync('/proc/sys/vm/drop_caches', '2')
await pause(5000)
const rest = heldBy([pid])
const kinds = [...descriptorsOf(pid)].map(([kind, count]) => `${count} ${kind}`).join(', ')
await door.stop()
if (door.wrong.length > 0) fault(`the S3 door was wrong ${door.wrong.length} times: ${door.wrong[0]}`)
await daemon.stop().catch((error: unknown) => fault(String(error)))
await pause(500)
const left = connections.unmounted().filter((number) => ours.has(number))
if (left.length > 0) fault(`FUSE connections ${left.join(', ')} are left`)
connections.stop()

let checked = 0
for (const role of roles) {
  const verdict = role.check({ directory: join(root, role.name), ledger: join(ledgers, role.name) })
  checked += verdict.checked
  for (const lost of verdict.lost.slice(0, 20)) fault(`${role.name}: ${lost}`)
}
function compare(what: string, before: Held, after: Held, more = mostMoreDescriptors) {
  process.stdout.write(`${what}: ${shown(before)}, then ${shown(after)}\n`)
  if (after.descriptors > before.descriptors + more) fault(`${what}: descriptors have grown`)
  if (after.threads > before.threads) fault(`${what}: threads have grown`)
  if (after.kilobytes > before.kilobytes + mostMoreKilobytes) fault(`${what}: memory has grown`)
}
compare('the mount process, early and late', early.mount, late.mount, Infinity)
compare(
  'the mount process, new (the first one) and at rest (the last)',
  { ...fresh, threads: rest.threads, kilobytes: early.mount.kilobytes },
  rest,
)
compare('the other processes, early and late', early.others, late.others)
process.stdout.write(`at rest it holds ${kinds}\n`)
if (faults.length === 0) rmSync(scratch, { recursive: true, force: true })
else process.stdout.write(`${faults.join('\n')}\nwhat is left of it lies in ${scratch}\n`)
const rounds = outcomes.reduce((sum, outcome) => sum + outcome.rounds, 0)
process.stdout.write(
  `${rounds} rounds of work by ${roles.length} processes in ${seconds} s, ${kills} kills; ` +
    `${checked} promises checked; the S3 door asked ${door.asked} times; ${faults.length} faults\n`,
)
process.exit(faults.length === 0 ? 0 : 1)
