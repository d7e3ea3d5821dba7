/**
 * Listing at scale, through a real daemon and signed requests: a directory of 1,000,000 files, and a tree of 10,000
 * directories of 100. `node dist/test/bench/listing.js [--trees DIRECTORY] [--only flat|deep]` makes the trees where
 * they are missing (minutes), measures, prints each figure beside its bar and exits with 1 when one is missed.
 */
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  unlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startDaemon, type Daemon } from '../fixtures/daemon.ts'
import { s3 } from '../fixtures/s3.ts'

const { values } = parseArgs({ options: { trees: { type: 'string' }, only: { type: 'string' } } })
const trees = values.trees ?? join(tmpdir(), 'twofold-listing')
let missed = 0

const create = (path: string): void => closeSync(openSync(path, 'w'))

/** Makes a tree beside its name and renames it when it is whole. */
function tree(name: string, make: (directory: string) => void): string {
  const directory = join(trees, name)
  if (existsSync(directory)) return directory
  console.log(`making ${directory} ...`)
  const unfinished = `${directory}.unfinished`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { recursive: true })
  make(unfinished)
  execFileSync('mv', [unfinished, directory])
  return directory
}

const files = (count: number) => (directory: string) => {
  for (let i = 0; i < count; i++) create(join(directory, `file-${String(i).padStart(7, '0')}.bin`))
}

function directories(directory: string): void {
  for (let i = 0; i < 10_000; i++) {
    const path = join(directory, `dir-${String(i).padStart(5, '0')}`)
    mkdirSync(path)
    for (let j = 0; j < 100; j++) create(join(path, `part-${String(j).padStart(3, '0')}.bin`))
  }
}

interface Page {
  readonly keys: string[]
  readonly prefixes: number
  readonly next: string | undefined
  /** From before it was signed until its last byte was here. */
  readonly milliseconds: number
}

async function page(daemon: Daemon, query: Record<string, string> = {}): Promise<Page> {
  const started = performance.now()
  const { status, body } = await s3(daemon, { query: { 'list-type': '2', ...query } })
  const milliseconds = performance.now() - started
  const xml = body.toString()
  if (status !== 200) throw new Error(`${status}: ${xml}`)
  return {
    keys: [...xml.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key = '']) => key),
    prefixes: xml.split('<CommonPrefixes>').length - 1,
    next: /<NextContinuationToken>([^<]*)</.exec(xml)?.[1],
    milliseconds,
  }
}

interface Walk {
  readonly keys: string[]
  /** Milliseconds of each page. */
  readonly pages: number[]
  readonly seconds: number
}

/** `between` is told the last key of each page but the last, and judges the next one. */
async function walk(daemon: Daemon, between?: (last: string) => (next: Page) => void): Promise<Walk> {
  const keys: string[] = []
  const pages: number[] = []
  const started = performance.now()
  let judge: ((page: Page) => void) | undefined
  for (let token: string | undefined, first = true; first || token !== undefined; first = false) {
    const got = await page(daemon, token === undefined ? {} : { 'continuation-token': token })
    judge?.(got)
    for (const key of got.keys) keys.push(key)
    pages.push(got.milliseconds)
    token = got.next
    const last = got.keys.at(-1)
    judge = token === undefined || last === undefined ? undefined : between?.(last)
  }
  return { keys, pages, seconds: (performance.now() - started) / 1000 }
}

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0

function report(what: string, figure: number, unit: string, bar?: number): void {
  const verdict =
    bar === undefined
      ? ''
      : figure <= bar
        ? `  (at most ${bar.toFixed(1)}: yes)`
        : `  (at most ${bar.toFixed(1)}: NO)`
  if (bar !== undefined && figure > bar) missed++
  console.log(`${what.padEnd(58)} ${figure.toFixed(unit === 'ms' ? 2 : 1).padStart(8)} ${unit}${verdict}`)
}

function check(what: string, right: boolean): void {
  if (!right) missed++
  console.log(`${what.padEnd(58)} ${(right ? 'yes' : 'NO').padStart(8)}`)
}

/** The processes that `pid` started, and theirs, and itself. */
function family(pid: number): number[] {
  const found = [pid]
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 4).split(' ')[0]))
    } catch {
      // It has ended.
    }
  }
  for (const parent of found) for (const [child, of] of parents) if (of === parent) found.push(child)
  return found
}

/** Megabytes of PSS of all its processes. */
function memory(pids: readonly number[]): number {
  let kilobytes = 0
  for (const pid of pids) {
    try {
      kilobytes += Number(
        /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1] ?? 0,
      )
    } catch {
      // It has ended.
    }
  }
  return kilobytes / 1024
}

/** What `find` and `sort` say. */
const sorted = (directory: string): string =>
  execFileSync('sh', ['-c', 'find . -type f -printf "%P\\n" | LC_ALL=C sort'], {
    cwd: directory,
    maxBuffer: 1 << 30,
    encoding: 'utf8',
  })

/** One file comes and one goes between any two pages; every page is asked whether it knows. */
async function changing(
  daemon: Daemon,
  directory: string,
  all: readonly string[],
): Promise<{ seconds: number; stale: number }> {
  let stale = 0
  let at = 0
  const added: string[] = []
  const removed: string[] = []
  const { seconds } = await walk(daemon, (last) => {
    while (at < all.length && (all[at] ?? '') <= last) at++
    const fresh = `${last}+new`
    const gone = all[at + 3]
    create(join(directory, fresh))
    added.push(fresh)
    if (gone !== undefined) {
      unlinkSync(join(directory, gone))
      removed.push(gone)
    }
    return (next) => {
      if (next.keys[0] !== fresh || (gone !== undefined && next.keys.includes(gone))) stale++
    }
  })
  for (const name of added) unlinkSync(join(directory, name))
  for (const name of removed) create(join(directory, name))
  return { seconds, stale }
}

async function measure(name: string, directory: string, small: number, flat: boolean): Promise<void> {
  const count = 1_000_000
  const daemon = await startDaemon(directory, { args: ['--no-mount'] })
  let peak = 0
  const pids = family(daemon.pid)
  const sampler = setInterval(() => (peak = Math.max(peak, memory(pids))), 100)
  try {
    await page(daemon, { 'max-keys': '0' })
    await new Promise((done) => setTimeout(done, 1000))
    const idle = memory(pids)
    const first = await page(daemon)
    report(`${name}: first page, cold`, first.milliseconds, 'ms', 1500)
    const whole = await walk(daemon)
    report(`${name}: walk of ${whole.keys.length} keys`, whole.seconds, 's', 20)
    report(`${name}: page after the first, median`, median(whole.pages.slice(1)), 'ms', small * 3)
    report(`${name}: slowest page`, Math.max(...whole.pages), 'ms')
    check(
      `${name}: all keys, in the order of LC_ALL=C sort`,
      `${whole.keys.join('\n')}\n` === sorted(directory),
    )
    const quick = async (what: string, query: Record<string, string>) => {
      const times: number[] = []
      for (let i = 0; i < 9; i++) times.push((await page(daemon, query)).milliseconds)
      report(`${name}: ${what}`, median(times), 'ms', small * 3)
    }
    await quick('max-keys=1', { 'max-keys': '1' })
    await quick('start-after in the middle', { 'start-after': whole.keys[count / 2] ?? '' })
    await quick('delimiter=/ at the top', { delimiter: '/' })
    if (flat) {
      const { seconds, stale } = await changing(daemon, directory, whole.keys)
      check(`${name}: each change between two pages shows at the next`, stale === 0)
      report(`${name}: walk while it changes`, seconds, 's', whole.seconds * 2)
    }
    report(`${name}: PSS over idle (${idle.toFixed(0)} MB), highest`, peak - idle, 'MB', 300)
  } finally {
    clearInterval(sampler)
    await daemon.stop()
  }
}

const ten = tree('ten', files(10_000))
const daemon = await startDaemon(ten, { args: ['--no-mount'] })
const pages: number[] = []
for (let i = 0; i < 6; i++) pages.push(...(await walk(daemon)).pages.slice(1))
await daemon.stop()
const small = median(pages)
report('page of a directory of 10,000, median', small, 'ms')
if (values.only !== 'deep') await measure('flat', tree('flat', files(1_000_000)), small, true)
if (values.only !== 'flat') await measure('deep', tree('deep', directories), small, false)
process.exitCode = missed === 0 ? 0 : 1
