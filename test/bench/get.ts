/**
 * `npm run bench`: GET of one large object and of many small ones at 32 connections, ours signed, nginx with the
 * same files unsigned, and any S3 endpoint that `--peer` names, in one alternating run. Needs nginx and wrk
 * (apt-get install nginx-light wrk).
 *
 *   --rounds N          alternating rounds, 5 unless told (the median is printed)
 *   --seconds N         of each small load in a round, 3 unless told
 *   --only LIST         of 1k,64k,1g
 *   --data DIR          where the files are made, and where a peer finds them
 *   --peer URL --peer-bucket B --peer-key ID --peer-secret S [--peer-region R] [--peer-pid PID]
 *   --rival DIST        also another build of ours, to compare two of them
 *   --bare              also node:http with constant bodies, what ours can't be better than
 *   --node OPTION       for our process, as --cpu-prof (may be repeated)
 */
import { existsSync, mkdirSync, mkdtempSync, openSync, closeSync, rmSync, statSync, writeSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { bareNode, bucketOf, nginx, peer, twofold, type Contestant } from './contestant.ts'
import { manySmall, oneLarge, type Figure } from './load.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    only: { type: 'string', default: '1k,64k,1g' },
    data: { type: 'string' },
    peer: { type: 'string' },
    'peer-bucket': { type: 'string' },
    'peer-key': { type: 'string', default: '' },
    'peer-secret': { type: 'string', default: '' },
    'peer-region': { type: 'string', default: 'us-east-1' },
    'peer-pid': { type: 'string' },
    rival: { type: 'string' },
    bare: { type: 'boolean', default: false },
    node: { type: 'string', multiple: true, default: [] },
  },
})

const scratch = mkdtempSync(join(tmpdir(), 'twofold-bench-'))
const data = resolve(values.data ?? join(scratch, 'data'))
mkdirSync(data, { recursive: true })

function makeFile(name: string, size: number): void {
  const path = join(data, name)
  if (existsSync(path) && statSync(path).size === size) return
  const fd = openSync(path, 'w')
  for (let left = size; left > 0; left -= Math.min(left, 1 << 20))
    writeSync(fd, randomBytes(Math.min(left, 1 << 20)))
  closeSync(fd)
}

const GiB = 1024 ** 3
const names = (kind: string) => Array.from({ length: 64 }, (_, i) => `${kind}-${i}.bin`)
const loads = values.only.split(',')
if (loads.includes('1k')) for (const name of names('1k')) makeFile(name, 1024)
if (loads.includes('64k')) for (const name of names('64k')) makeFile(name, 65536)
if (loads.includes('1g')) makeFile('1g.bin', GiB)

// On several cores, the server has one to itself and the load another.
const [serverCore, loadCore] = availableParallelism() > 1 ? [0, 1] : [undefined, undefined]
const contestants: Contestant[] = [
  await nginx(data, scratch, serverCore),
  await twofold(data, scratch, serverCore, values.node),
]
if (values.rival !== undefined)
  contestants.push(await twofold(data, scratch, serverCore, values.node, resolve(values.rival), 'rival'))
if (values.bare) contestants.push(await bareNode(serverCore))
if (values.peer !== undefined) {
  const signed = {
    endpoint: values.peer,
    bucket: values['peer-bucket'] ?? bucketOf(data),
    accessKeyId: values['peer-key'],
    secretAccessKey: values['peer-secret'],
    region: values['peer-region'],
  }
  const pids = values['peer-pid'] === undefined ? [] : values['peer-pid'].split(',').map(Number)
  contestants.push(peer('peer', signed, pids))
}

const median = (numbers: number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? NaN

interface Row {
  readonly load: string
  /** What one unit of `cpu` is: a request, or a GiB. */
  readonly unit: string
  readonly run: (contestant: Contestant) => Promise<Figure>
}

const core = loadCore === undefined ? {} : { core: loadCore }
const small = (load: string): Row => ({
  load,
  unit: 'µs CPU/request',
  run: (contestant) =>
    manySmall(contestant, names(load), {
      connections: 32,
      seconds: Number(values.seconds),
      scratch,
      ...core,
    }),
})
const every: Row[] = [
  small('1k'),
  small('64k'),
  {
    load: '1g',
    unit: 's CPU/GiB',
    run: (contestant) => oneLarge(contestant, '1g.bin', { bytes: GiB, times: 2, ...core }),
  },
]
const rows = every.filter((row) => loads.includes(row.load))

try {
  for (const row of rows) {
    const rates = new Map<string, number[]>()
    const costs = new Map<string, number[]>()
    const present = contestants.filter(({ name }) => row.load !== '1g' || name !== 'bare node')
    for (const contestant of present) await row.run(contestant)
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const contestant of present) {
        const { name } = contestant
        const { requests, seconds, cpu } = await row.run(contestant)
        rates.set(name, [...(rates.get(name) ?? []), requests / seconds])
        costs.set(name, [...(costs.get(name) ?? []), (cpu / requests) * (row.load === '1g' ? 1 : 1e6)])
      }
    }
    const base = { rate: median(rates.get('nginx')!), cost: median(costs.get('nginx')!) }
    for (const { name } of present) {
      const rate = median(rates.get(name)!)
      const cost = median(costs.get(name)!)
      const least = (of: string) => Math.min(...costs.get(of)!)
      const best = `at best ${least(name).toFixed(row.load === '1g' ? 3 : 1)} (${(least('nginx') / least(name)).toFixed(2)})`
      const spread = costs.get(name)!.map((one) => one.toFixed(row.load === '1g' ? 3 : 1))
      console.log(
        `${row.load.padEnd(4)} ${name.padEnd(9)} ${
          row.load === '1g' ? `${(rate * 1024).toFixed(0)} MiB/s` : `${rate.toFixed(0)} requests/s`
        } (${(rate / base.rate).toFixed(2)} of nginx), ${cost.toFixed(row.load === '1g' ? 3 : 1)} ${row.unit} ` +
          `(${(base.cost / cost).toFixed(2)} of nginx), ${best}  [${spread.join(' ')}]`,
      )
    }
  }
} finally {
  for (const contestant of contestants) await contestant.stop()
  rmSync(scratch, { recursive: true, force: true })
}
