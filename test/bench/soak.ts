/**
 * `npm run soak:mount [-- --minutes N] [--kills N] [--engine NAME]`: eight processes at mixed work on a mount whose
 * process is killed again and again. Then everything that fsync had promised must be in the host's directory, and
 * the last mount process must hold no more than a fresh one.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import type { EngineName } from '../../mount/engine.ts'
import { mounted } from '../fixtures/mounted.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    kills: { type: 'string', default: '5' },
    engine: { type: 'string', default: 'kernel' },
    workers: { type: 'string', default: '8' },
  },
})
const seconds = Number(values.minutes) * 60
const kills = Number(values.kills)
const engine = values.engine as EngineName

const scratch = mkdtempSync(join(tmpdir(), 'twofold-soak-'))
const [root, mountpoint] = [join(scratch, 'root'), join(scratch, 'mount')]
mkdirSync(root)

interface Held {
  readonly descriptors: number
  readonly kilobytes: number
}
function heldBy(pid: number): Held {
  const rss = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0'
  return { descriptors: readdirSync(`/proc/${pid}/fd`).length, kilobytes: Number(rss) }
}

let mount = await mounted(root, mountpoint, { engine })
const run = promisify(execFile)
const workers = Array.from({ length: Number(values.workers) }, (_, i) =>
  run(process.execPath, [
    join(import.meta.dirname, 'soak-work.js'),
    join(mountpoint, `w${i}`),
    join(scratch, `ledger-${i}`),
    String(seconds),
  ]),
)
const worked = Promise.all(workers)
worked.catch(() => undefined)

for (let kill = 0; kill < kills; kill++) {
  await pause((seconds * 1000) / (kills + 1))
  mount.process.kill('SIGKILL')
  await new Promise((resolve) => mount.process.once('exit', resolve))
  mount = await mounted(root, mountpoint, { engine })
  process.stderr.write(`killed ${kill + 1} of ${kills}\n`)
}
const pid = mount.process.pid ?? 0
await pause(2000)
const early = heldBy(pid)
const outputs = await worked
const operations = outputs.reduce((sum, { stdout }) => sum + Number(stdout), 0)
await pause(1000)
const late = heldBy(pid)
await mount.stop()

let lost = 0
let checked = 0
for (const name of readdirSync(scratch)) {
  if (!name.startsWith('ledger-')) continue
  const allowed = new Map<string, Set<string>>()
  for (const line of readFileSync(join(scratch, name), 'utf8').trimEnd().split('\n')) {
    const [file = '', word = '', digest] = line.split(' ')
    if (digest === undefined && word !== 'gone') allowed.set(file, new Set([word]))
    else allowed.set(file, (allowed.get(file) ?? new Set(['gone'])).add(digest ?? 'gone'))
  }
  for (const [file, states] of allowed) {
    const path = join(root, name.replace('ledger-', 'w'), file)
    const is = existsSync(path) ? createHash('md5').update(readFileSync(path)).digest('hex') : 'gone'
    checked++
    if (states.has(is)) continue
    lost++
    process.stdout.write(`LOST ${path}: ${is}, not one of ${[...states].join(', ')}\n`)
  }
}
rmSync(scratch, { recursive: true, force: true })
process.stdout.write(
  `${operations} operations by ${values.workers} processes in ${seconds} s, ${kills} kills; ` +
    `${checked} promises checked, ${lost} lost\n` +
    `descriptors ${early.descriptors} early, ${late.descriptors} at the end; ` +
    `resident ${early.kilobytes} kB early, ${late.kilobytes} kB at the end\n`,
)
process.exit(lost === 0 ? 0 : 1)
