/**
 * One of four disks stops answering: what the clients of the other three notice. 64 connections ask the three for small
 * files, before, while the fourth hangs and is asked for by 16 more, and after; a program reads a file in the mount of
 * one of the three. `node dist/test/bench/availability.js [SECONDS]`
 */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '../../daemon/cli/client.ts'
import { startDaemon } from '../fixtures/daemon.ts'
import { hungFilesystem } from '../fixtures/hung-filesystem.ts'
import { cpuSeconds } from './contestant.ts'
import { send, sign, type Door } from '../fixtures/s3.ts'

const seconds = Number(process.argv[2] ?? 10)
const clients = 64
const askers = 16

const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'twofold-available-')))
const directory = (name: string): string => {
  const path = join(scratch, name)
  mkdirSync(path)
  writeFileSync(join(path, 'small.bin'), Buffer.alloc(1024, name))
  return path
}

interface Run {
  readonly answered: number
  readonly failed: number
  readonly reads: number
  readonly refused: number
  /** Of the S3 workers. */
  readonly cpu: number
}

const hosted = directory('hosted')
mkdirSync(join(scratch, 'hung'))
const hung = await hungFilesystem(hosted, join(scratch, 'hung'))
const daemon = await startDaemon(directory('one'), {
  state: join(scratch, 'state'),
  args: ['--listen', '127.0.0.1:0', '--log-level', 'warn', '--answer-timeout', '2s'],
})
const control = new Client(join(daemon.state, 'control.sock'))

async function doorOf(root: string): Promise<Door> {
  const { diskId } = await control.ask('createDisk', {}, { root })
  const { identifier, secretAccessKey } = await control.ask('addUser', { id: diskId }, { nickname: 'bench' })
  return { ...daemon, bucket: diskId, accessKeyId: identifier, secretAccessKey }
}

/** Reads a file in a mount until it is killed; says once a second how often it did. */
const reader = `
  const { openSync, readSync, closeSync } = require('fs')
  const bytes = Buffer.alloc(1024)
  let reads = 0
  setInterval(() => process.stdout.write(reads + '\\n'), 100)
  const turn = () => {
    for (let i = 0; i < 50; i++) {
      const fd = openSync(process.argv[1], 'r')
      readSync(fd, bytes)
      closeSync(fd)
      reads++
    }
    setImmediate(turn)
  }
  turn()`

/** Those who answer for the three: each disk that comes has new ones started. */
const workersNow = async () =>
  (await control.ask('status')).processes
    .filter(({ role, state }) => role === 'worker' && state === 'ready')
    .map(({ pid }) => pid ?? 0)

async function run(doors: readonly Door[], silent: Door | undefined): Promise<Run> {
  // While a disk hangs, that takes its time.
  const workers = await workersNow()
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const others = new Agent({ keepAlive: true, maxSockets: askers })
  let answered = 0
  let failed = 0
  let refused = 0
  let isOver = false
  const ask = async (door: Door): Promise<void> => {
    const signed = sign(door, { key: 'small.bin' })
    while (!isOver) {
      const status = await send(door.endpoint, signed, agent).then(
        ({ status }) => status,
        () => 0,
      )
      if (status === 200) answered++
      else failed++
    }
  }
  const askSilent = async (door: Door): Promise<void> => {
    while (!isOver) {
      const { status } = await send(door.endpoint, sign(door, { key: 'small.bin' }), others)
      if (status === 503) refused++
      await sleep(20)
    }
  }
  let reads = 0
  const reading =
    daemon.mountpoint === null
      ? undefined
      : spawn(process.execPath, ['-e', reader, join(daemon.mountpoint, 'small.bin')], {
          stdio: ['ignore', 'pipe', 'inherit'],
        })
  reading?.stdout
    .setEncoding('utf8')
    .on('data', (text: string) => (reads = Number(text.trim().split('\n').at(-1))))
  const all = [
    ...Array.from({ length: clients }, (_, i) => ask(doors[i % doors.length]!)),
    ...(silent === undefined ? [] : Array.from({ length: askers }, () => askSilent(silent))),
  ]
  const before = cpuSeconds(workers)
  await sleep(seconds * 1000)
  const cpu = cpuSeconds(workers) - before
  isOver = true
  await Promise.all(all)
  reading?.kill()
  agent.destroy()
  others.destroy()
  return { answered, failed, reads, refused, cpu }
}

try {
  const doors = [daemon as Door, await doorOf(directory('two')), await doorOf(directory('three'))]
  const silent = await doorOf(join(scratch, 'hung'))
  await run(doors, undefined)
  const rows: [string, Run][] = []
  for (let round = 0; round < 3; round++) {
    rows.push(['before', await run(doors, undefined)])
    hung.stop()
    rows.push(['hung', await run(doors, silent)])
    hung.goOn()
    await sleep(1_000)
  }
  rows.push(['after', await run(doors, undefined)])
  for (const [name, { answered, failed, reads, refused, cpu }] of rows)
    console.log(
      `${name.padEnd(8)} ${(answered / seconds).toFixed(0).padStart(7)} answers/s, ${failed} failed, ${(answered / cpu).toFixed(0)} for a second of CPU; ${(reads / seconds).toFixed(0)} reads/s in a mount; ${refused} of the hung disk refused`,
    )
  const mean = (name: string, of: (run: Run) => number) => {
    const some = rows.filter(([row]) => row === name)
    return some.reduce((sum, [, run]) => sum + of(run), 0) / some.length
  }
  const ratio = (of: (run: Run) => number) => (mean('hung', of) / mean('before', of)).toFixed(2)
  console.log(
    `while it hangs: ${ratio(({ answered }) => answered)} of the rate over S3, ${ratio(({ answered, cpu }) => answered / cpu)} of it for a second of CPU, ${ratio(({ reads }) => reads)} in the mount`,
  )
} finally {
  await daemon.stop()
  await hung.end()
  rmSync(scratch, { recursive: true, force: true })
}
