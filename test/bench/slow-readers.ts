/**
 * 100 readers of 1 GiB who hardly read, and a fast one beside them: what they add to the door's memory (PSS), and
 * whether the fast one keeps its speed. `node dist/test/bench/slow-readers.js [DIR] [READERS]`
 */
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { twofold, type Contestant } from './contestant.ts'
import { oneLarge } from './load.ts'

const GiB = 1024 ** 3
const scratch = mkdtempSync(join(tmpdir(), 'twofold-bench-'))
const data = resolve(process.argv[2] ?? join(scratch, 'data'))
const readers = Number(process.argv[3] ?? 100)
mkdirSync(data, { recursive: true })
const path = join(data, '1g.bin')
if (!existsSync(path) || statSync(path).size !== GiB) {
  const fd = openSync(path, 'w')
  for (let left = GiB; left > 0; left -= 1 << 20) writeSync(fd, randomBytes(1 << 20))
  closeSync(fd)
}

/** MB of the door's own memory. */
function pss({ pids }: Contestant): number {
  const text = readFileSync(`/proc/${pids[0]}/smaps_rollup`, 'utf8')
  return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1]) / 1000
}

const speeds = async (contestant: Contestant): Promise<number> => {
  const rates: number[] = []
  for (let round = 0; round < 3; round++) {
    const { seconds } = await oneLarge(contestant, '1g.bin', { bytes: GiB, times: 1 })
    rates.push(1024 / seconds)
  }
  return rates.toSorted((a, b) => a - b)[1] ?? NaN
}

const contestant = await twofold(data, scratch)
const sockets: Socket[] = []
try {
  const alone = await speeds(contestant)
  const idle = pss(contestant)
  for (let i = 0; i < readers; i++) {
    const socket = connect({ host: contestant.host, port: contestant.port })
    await once(socket, 'connect')
    socket.write(contestant.request('1g.bin'))
    sockets.push(socket)
  }
  // Each takes 64 KiB a second.
  const timer = setInterval(() => {
    for (const socket of sockets) socket.read(65536)
  }, 1000)
  await sleep(4000)
  const stalled = pss(contestant)
  const beside = await speeds(contestant)
  const after = pss(contestant)
  clearInterval(timer)
  console.log(
    `idle ${idle.toFixed(0)} MB PSS; ${readers} slow readers of 1 GiB add ${(stalled - idle).toFixed(0)} MB, ` +
      `with a fast one beside them ${(after - idle).toFixed(0)} MB`,
  )
  console.log(
    `fast reader: ${alone.toFixed(0)} MiB/s alone, ${beside.toFixed(0)} MiB/s beside them (${(beside / alone).toFixed(2)})`,
  )
} finally {
  for (const socket of sockets) socket.destroy()
  await contestant.stop()
  rmSync(scratch, { recursive: true, force: true })
}
