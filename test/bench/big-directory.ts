/**
 * `npm run bench:directory [-- --entries N] [--root DIR] [--rounds N] [--alone]`: one directory of 1,000,000 files, listed through
 * the mount beside the host's directory and bindfs: by name alone, with each file's attributes, and while files come and
 * go. For each: entries a second, what the process that serves held at its peak and afterwards, and whether every name
 * came exactly once (`--alone`: of the mount alone). Then the kernel is made to forget, and all of it must be given back.
 */
import { execFileSync, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { getdents64 } from '../../lib/sys/directory.ts'
import { must } from '../../lib/sys/libc.ts'
import { mountTable } from '../../lib/sys/mountinfo.ts'
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, close, mknodat, O, openat2, unlinkat } from '../../lib/sys/open.ts'
import { modeAt } from '../../lib/sys/stat.ts'
import type { MountStatistics } from '../../mount/engine.ts'
import { cpuSeconds } from './contestant.ts'

const { values } = parseArgs({
  options: {
    entries: { type: 'string', default: '1000000' },
    root: { type: 'string' },
    rounds: { type: 'string', default: '2' },
    alone: { type: 'boolean', default: false },
  },
})
const entries = Number(values.entries)
const rounds = Number(values.rounds)
const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`
const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** `file-0000017` is the name of entry 17. */
const nameOf = (index: number): string => `file-${String(index).padStart(7, '0')}`
const openDirectory = (path: string): number =>
  must(openat2(AT_FDCWD, path, O.RDONLY | O.DIRECTORY), 'openat2', path)

function fill(directory: string): void {
  mkdirSync(directory)
  const fd = openDirectory(directory)
  for (let i = 0; i < entries; i++) must(mknodat(fd, nameOf(i), 0o100644, 0), 'mknodat')
  close(fd)
}

const piece = Buffer.alloc(256 * 1024)
/**
 * Lists the directory, and asks for the attributes of each entry `withAttributes`, in the order of the listing: entries
 * a second. `between` is called after each piece. Throws when a name is missing or comes twice.
 */
function list(directory: string, withAttributes: boolean, between: () => void = () => {}): number {
  const seen = new Uint8Array(entries)
  const fd = openDirectory(directory)
  const began = performance.now()
  let [count, twice] = [0, 0]
  for (;;) {
    const filled = must(getdents64(fd, piece), 'getdents64')
    if (filled === 0) break
    for (let at = 0; at < filled; at += piece.readUInt16LE(at + 16)) {
      if (piece[at + 19] !== 0x66) continue
      const index = Number(piece.toString('latin1', at + 24, at + 31))
      if (seen[index]) twice++
      seen[index] = 1
      count++
      if (withAttributes) must(modeAt(fd, nameOf(index), AT_SYMLINK_NOFOLLOW), 'statx')
    }
    between()
  }
  const seconds = (performance.now() - began) / 1000
  close(fd)
  const missing = seen.reduce((sum, one) => sum + (one === 0 ? 1 : 0), 0)
  if (twice > 0 || missing > 0) throw new Error(`${directory}: ${missing} missing, ${twice} twice`)
  return count / seconds
}

/** Makes and removes files that the listing doesn't count, beside one that is under way. */
function churn(directory: string): { between: () => void; end: () => void } {
  const fd = openDirectory(directory)
  const alive: string[] = []
  let made = 0
  return {
    between() {
      for (let i = 0; i < 40; i++) {
        const name = `passing-${made++}`
        must(mknodat(fd, name, 0o100644, 0), 'mknodat')
        alive.push(name)
      }
      while (alive.length > 100) must(unlinkat(fd, alive.shift() ?? '', 0), 'unlinkat')
    },
    end() {
      for (const name of alive) must(unlinkat(fd, name, 0), 'unlinkat')
      close(fd)
    },
  }
}

interface Memory {
  readonly now: number
  readonly peak: number
}
function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) * 1024
  return { now: field('VmRSS'), peak: field('VmHWM') }
}
const resetPeak = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, '5')

interface Target {
  readonly title: string
  readonly directory: string
  /** 0: nobody serves it. */
  readonly pid: number
  statistics?(): Promise<MountStatistics>
  end(): Promise<void>
}

async function mountedTwofold(root: string, directory: string): Promise<Target> {
  mkdirSync(directory)
  const child = fork(join(import.meta.dirname, 'big-directory-mount.js'), [root, directory])
  await once(child, 'message')
  return {
    title: 'twofold',
    directory,
    pid: child.pid ?? 0,
    async statistics() {
      child.send('statistics')
      const [statistics] = (await once(child, 'message')) as [MountStatistics]
      return statistics
    },
    async end() {
      child.send('stop')
      await once(child, 'exit')
    },
  }
}

async function mountedBindfs(root: string, directory: string): Promise<Target> {
  mkdirSync(directory)
  const server = spawn('bindfs', ['-f', root, directory], { stdio: 'inherit' })
  while (!mountTable().some((mount) => mount.mountpoint === directory)) await pause(20)
  return {
    title: 'bindfs',
    directory,
    pid: server.pid ?? 0,
    async end() {
      execFileSync('umount', ['-l', directory])
      if (server.exitCode === null) await once(server, 'exit')
    },
  }
}

const scratch = mkdtempSync(
  join(values.root ?? (existsSync('/dev/shm') ? '/dev/shm' : tmpdir()), 'twofold-big-'),
)
const root = join(scratch, 'root')
mkdirSync(root)
const filled = performance.now()
fill(join(root, 'big'))
say(
  `${entries.toLocaleString('en')} entries in ${((performance.now() - filled) / 1000).toFixed(1)} s, in ${root}`,
)

const targets: Target[] = []
if (!values.alone) targets.push({ title: 'host', directory: root, pid: 0, end: () => Promise.resolve() })
if (!values.alone && existsSync('/usr/bin/bindfs'))
  targets.push(await mountedBindfs(root, join(scratch, 'bindfs')))
const ours = await mountedTwofold(root, join(scratch, 'mount'))
targets.push(ours)

/** 2: dentries and inodes. Nodes are given back with them. */
const forget = (): void => writeFileSync('/proc/sys/vm/drop_caches', '2')

async function measure(target: Target, title: string, run: (directory: string) => number): Promise<void> {
  if (target.pid > 0) resetPeak(target.pid)
  const before = target.pid > 0 ? memoryOf(target.pid) : null
  const spent = target.pid > 0 ? cpuSeconds([target.pid]) : 0
  const speed = run(join(target.directory, 'big'))
  const words = [`${Math.round(speed).toLocaleString('en')} entries/s`]
  if (before !== null) {
    const { now, peak } = memoryOf(target.pid)
    words.push(`${(((cpuSeconds([target.pid]) - spent) / entries) * 1e6).toFixed(1)} µs of CPU each`)
    words.push(`peak +${mib(peak - before.now)}, then +${mib(now - before.now)}`)
    words.push(`${readdirSync(`/proc/${target.pid}/fd`).length} descriptors`)
    const nodes = (await target.statistics?.())?.nodes
    if (nodes !== undefined) words.push(`${nodes.toLocaleString('en')} nodes`)
  }
  say(`  ${target.title.padEnd(8)} ${title.padEnd(24)} ${words.join(', ')}`)
}

for (let round = 1; round <= rounds; round++) {
  say(`round ${round}`)
  for (const target of targets) {
    await measure(target, 'names', (directory) => list(directory, false))
    forget()
    await measure(target, 'names and attributes', (directory) => list(directory, true))
    forget()
    await measure(target, 'while files come and go', (directory) => {
      const passing = churn(join(root, 'big'))
      try {
        return list(directory, false, passing.between)
      } finally {
        passing.end()
      }
    })
    forget()
  }
  const left = await ours.statistics?.()
  say(`  the kernel was made to forget: ${left?.nodes} nodes and ${left?.descriptors} descriptors are left`)
}
for (const { end } of targets.toReversed()) await end()
rmSync(scratch, { recursive: true })
