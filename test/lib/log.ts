import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { createLog } from '../../lib/log.ts'

t.test('a line says its own fields, whatever the line before said', (t) => {
  const lines: string[] = []
  const log = createLog({ level: 'info', format: 'json', write: (line) => lines.push(line) })
  const fields = [
    { a: 'x', b: 1 },
    { a: 'x', b: 1 },
    { a: '1', b: 1 },
    { a: 1, b: '1' },
    { a: 'quote " and \\ and é and \n', b: undefined },
    { a: 'quote " and \\ and é and \n', b: null },
    { b: NaN, a: true },
    { b: NaN, a: [1, { c: 'd' }] },
    { b: 10n, a: 0.001 },
    { b: new Error('why'), a: -0.5 },
    { a: 'x', b: 1 },
  ]
  for (const each of fields) log.info('event', each)
  const said = lines.map((line) => {
    const { time, level, event, ...rest } = JSON.parse(line) as Record<string, unknown>
    t.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    t.same([level, event], ['info', 'event'])
    return rest
  })
  t.same(said, [
    { a: 'x', b: 1 },
    { a: 'x', b: 1 },
    { a: '1', b: 1 },
    { a: 1, b: '1' },
    { a: 'quote " and \\ and é and \n' },
    { a: 'quote " and \\ and é and \n', b: null },
    { b: null, a: true },
    { b: null, a: [1, { c: 'd' }] },
    { b: '10', a: 0.001 },
    { b: 'Error: why', a: -0.5 },
    { a: 'x', b: 1 },
  ])
  t.ok(lines.every((line) => line.endsWith('}\n')))
  t.end()
})

t.test(
  'who reads the log holds up nobody that writes it, and learns how many lines were dropped',
  async (t) => {
    const program = fileURLToPath(new URL('../fixtures/log-program.js', import.meta.url))
    const child = spawn(process.execPath, [program], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    t.teardown(() => child.kill('SIGKILL'))
    // Nothing reads the pipe yet, and a megabyte may wait: the program comes past both.
    while (((await once(child, 'message')) as [number])[0] < 5_000);
    child.send('stop')
    let number = 0
    let dropped = 0
    if (child.stderr === null) throw new Error('no stderr')
    for await (const line of createInterface({ input: child.stderr })) {
      const said = JSON.parse(line) as { event: string; number?: number; lines?: number }
      if (said.event === 'log.dropped') {
        dropped += said.lines ?? 0
        number += said.lines ?? 0
      }
      if (said.event === 'line' && ++number !== said.number)
        t.fail(`${said.number} where ${number} was to come: a line is missing before that is said`)
      if (said.event === 'later') break
    }
    t.ok(number > 500)
    t.ok(dropped > 1_000, `${dropped} dropped`)
    child.send('end')
    child.stderr.resume()
    await once(child, 'exit')
  },
)
