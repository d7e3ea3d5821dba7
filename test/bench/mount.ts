/**
 * `npm run bench:mount [-- --rounds N] [--trees] [--row NAME]… [--target NAME]…`: the mount beside the host
 * directory, bindfs and fuse-native, in one run. All are mounted for its whole length; each round runs every row
 * on each of them, one after the other, in a process of its own, after one round to warm up. What is printed is
 * the median with the lowest and the highest.
 */
import { execFile, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { mountTable } from '../../lib/sys/mountinfo.ts'
import { defaultMountOptions, type Engine } from '../../mount/engine.ts'
import { kernelEngine } from '../../mount/kernel/engine.ts'
import { fuseNativeEngine } from '../../mount/native/engine.ts'
import { prepare, prepareTree, rows, treeRows } from './mount-work.ts'

interface Target {
  readonly title: string
  /** Shows `root` at a directory of its choice below `scratch`: that directory, and how to end it. */
  show(root: string, scratch: string): Promise<{ directory: string; end(): Promise<void> }>
}

const byEngine = (title: string, engine: Engine, passthrough: boolean): Target => ({
  title,
  async show(root, scratch) {
    const directory = join(scratch, title.replaceAll(/\W+/g, '-'))
    mkdirSync(directory, { recursive: true })
    const disk = { root, identity: null, readOnly: false, crossDevices: false, maxDescriptors: 0 }
    const timeout = engine.supports.has('notify') ? 1 : 0
    const session = await engine.start(disk, directory, {
      ...defaultMountOptions,
      attributeTimeout: timeout,
      entryTimeout: timeout,
      passthrough,
    })
    return {
      directory,
      async end() {
        await session.unmount(true)
        // Another mount namespace may hold a copy, and with it the mount.
        await Promise.race([session.closed, pause(2000)])
      },
    }
  },
})

const targets: Readonly<Record<string, Target>> = {
  host: {
    title: 'host directory',
    show: (root) => Promise.resolve({ directory: root, end: () => Promise.resolve() }),
  },
  bindfs: {
    title: 'bindfs',
    async show(root, scratch) {
      const directory = join(scratch, 'bindfs')
      mkdirSync(directory, { recursive: true })
      const server = spawn('bindfs', ['-f', root, directory], { stdio: 'inherit' })
      while (!mountTable().some((mount) => mount.mountpoint === directory)) await pause(20)
      return {
        directory,
        async end() {
          execFileSync('umount', ['-l', directory])
          if (server.exitCode === null) await new Promise((resolve) => server.once('exit', resolve))
        },
      }
    },
  },
  'fuse-native': byEngine('fuse-native', fuseNativeEngine, false),
  plain: byEngine('kernel, no passthrough', kernelEngine, false),
  kernel: byEngine('kernel', kernelEngine, true),
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    trees: { type: 'boolean', default: false },
    row: { type: 'string', multiple: true },
    target: { type: 'string', multiple: true },
    root: { type: 'string' },
  },
})

const run = promisify(execFile)
const work = join(import.meta.dirname, 'mount-work.js')
const all = { ...rows, ...treeRows }
const chosenRows = values.row ?? [...Object.keys(rows), ...(values.trees ? Object.keys(treeRows) : [])]
const chosenTargets = (values.target ?? Object.keys(targets)).filter((name) => {
  if (name !== 'bindfs' || existsSync('/usr/bin/bindfs')) return true
  process.stderr.write('bindfs is not installed: left out\n')
  return false
})

const scratch = mkdtempSync(join(values.root ?? tmpdir(), 'twofold-bench-'))
const root = join(scratch, 'root')
mkdirSync(root)
prepare(root)
if (chosenRows.some((name) => name in treeRows)) prepareTree(root)

const shown = new Map<string, Awaited<ReturnType<Target['show']>>>()
for (const name of chosenTargets) {
  const target = targets[name]
  if (target === undefined) throw new Error(`no target ${name}`)
  shown.set(name, await target.show(root, scratch))
}

const results = new Map<string, number[]>()
/** Round -1 warms up: what it measures is not kept. */
async function measure(names: readonly string[]): Promise<void> {
  for (let round = -1; round < Number(values.rounds); round++) {
    // Whoever goes first in one round goes last in the next.
    const order = round % 2 === 0 ? chosenTargets : chosenTargets.toReversed()
    for (const row of names) {
      for (const name of order) {
        const directory = shown.get(name)?.directory ?? ''
        const { stdout } = await run(process.execPath, [work, row, directory, `${name}-${round}`])
        if (round < 0) continue
        const key = `${row} ${name}`
        results.set(key, [...(results.get(key) ?? []), Number(stdout)])
      }
    }
    process.stderr.write(`${names.length} rows, round ${round + 1} of ${values.rounds}\n`)
  }
}
await measure(chosenRows.filter((row) => row !== 'unlink'))
// Removing comes last: see mount-work.ts.
if (chosenRows.includes('unlink')) await measure(['unlink'])
for (const { end } of shown.values()) await end()

const figure = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(1)
const median = (sorted: readonly number[]): number => sorted[sorted.length >> 1] ?? NaN
process.stdout.write(`| | ${chosenTargets.map((name) => targets[name]?.title).join(' | ')} |\n`)
process.stdout.write(`|---${'|---'.repeat(chosenTargets.length)}|\n`)
for (const row of chosenRows) {
  const cells = chosenTargets.map((name) => {
    const sorted = (results.get(`${row} ${name}`) ?? []).toSorted((a, b) => a - b)
    return `${figure(median(sorted))} (${figure(sorted[0] ?? NaN)}–${figure(sorted.at(-1) ?? NaN)})`
  })
  process.stdout.write(`| ${all[row]?.title}, ${all[row]?.unit} | ${cells.join(' | ')} |\n`)
}
rmSync(scratch, { recursive: true, force: true })
process.exit(0)
