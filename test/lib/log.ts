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
