/** Load on a contestant, made by processes of its own: wrk for many small requests, `drain.ts` for a large one. */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cpuSeconds, type Contestant } from './contestant.ts'

const run = promisify(execFile)

export interface Figure {
  readonly requests: number
  readonly seconds: number
  /** Of the contestant; NaN when its processes aren't known. */
  readonly cpu: number
}

async function measured(contestant: Contestant, load: () => Promise<Omit<Figure, 'cpu'>>): Promise<Figure> {
  const before = contestant.pids.length === 0 ? NaN : cpuSeconds(contestant.pids)
  const figure = await load()
  const after = contestant.pids.length === 0 ? NaN : cpuSeconds(contestant.pids)
  return { ...figure, cpu: after - before }
}

const taskset = (core: number | undefined, command: string, args: string[]) =>
  core === undefined ? run(command, args) : run('taskset', ['-c', String(core), command, ...args])

/** Requests are signed in advance and asked for in turn. */
export function manySmall(
  contestant: Contestant,
  files: readonly string[],
  options: { connections: number; seconds: number; scratch: string; core?: number },
): Promise<Figure> {
  const script = join(options.scratch, 'requests.lua')
  const requests = files.map((file) => `  ${JSON.stringify(contestant.request(file))},`).join('\n')
  writeFileSync(
    script,
    `local requests = {\n${requests}\n}\nlocal at = 0\n` +
      'function request()\n  at = at % #requests + 1\n  return requests[at]\nend\n' +
      'function done(summary)\n  io.write(string.format("%d %d %d\\n", summary.requests, summary.duration,\n' +
      '    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))\nend\n',
  )
  return measured(contestant, async () => {
    const { connections, seconds, core } = options
    const url = `http://${contestant.host}:${contestant.port}/`
    const { stdout } = await taskset(core, 'wrk', [
      '-t1',
      `-c${connections}`,
      `-d${seconds}s`,
      '-s',
      script,
      url,
    ])
    const [count = 0, microseconds = 0, errors = 0] = (stdout.trim().split('\n').at(-1) ?? '')
      .split(' ')
      .map(Number)
    if (errors > 0) throw new Error(`${contestant.name}: ${errors} of ${count} requests failed\n${stdout}`)
    return { requests: count, seconds: microseconds / 1e6 }
  })
}

/** One request after the other on one connection, `times` of them, their bytes counted and dropped. */
export function oneLarge(
  contestant: Contestant,
  file: string,
  options: { bytes: number; times: number; core?: number },
): Promise<Figure> {
  return measured(contestant, async () => {
    const { stdout } = await taskset(options.core, process.execPath, [
      join(import.meta.dirname, 'drain.js'),
      contestant.host,
      String(contestant.port),
      Buffer.from(contestant.request(file)).toString('base64'),
      String(options.bytes),
      String(options.times),
    ])
    return { requests: options.times, seconds: Number(stdout) }
  })
}
