/** What Prometheus is told: by the rules of its text format and of promtool's lint, and true of what was done. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Client } from '../../daemon/cli/client.ts'
import { metrics, type MetricName, type Sample } from '../../daemon/metrics/catalogue.ts'
import { exposition } from '../../daemon/metrics/exposition.ts'
import { startDaemon, twofold } from '../fixtures/daemon.ts'
import { exchange } from '../fixtures/raw-http.ts'
import { s3 } from '../fixtures/s3.ts'

const noMount =
  existsSync('/dev/fuse') && process.getuid?.() === 0 ? false : 'needs root and /dev/fuse to mount'

interface Parsed {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const line =
  /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)$/

/** Reads the text as Prometheus does; what breaks a rule fails the test. */
function parse(t: Test, text: string): Parsed[] {
  t.ok(text.endsWith('\n'), 'the last line ends')
  const found: Parsed[] = []
  const seen = new Set<string>()
  const families: string[] = []
  let [family, type, helped] = ['', '', '']
  const broken: string[] = []
  const rule = (holds: boolean, says: string) => void (holds || broken.push(says))
  for (const row of text.trimEnd().split('\n')) {
    const help = /^# HELP (\S+) (.+)$/.exec(row)
    const typed = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(row)
    if (help) {
      helped = help[1] ?? ''
      rule(!families.includes(helped), `${helped} stands in one place`)
      families.push(helped)
    } else if (typed) {
      ;[, family = '', type = ''] = typed
      rule(family === helped, `${family} has help before its type`)
    } else {
      const match = line.exec(row)
      if (match === null) {
        broken.push(`not a line: ${row}`)
        continue
      }
      const [, name = '', written = '', value = ''] = match
      const suffix = name.slice(family.length)
      rule(name.startsWith(family), `${name} stands with its family`)
      rule((type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']).includes(suffix), row)
      rule(!seen.has(`${name}{${written}}`), `twice: ${row}`)
      seen.add(`${name}{${written}}`)
      rule(Number.isFinite(Number(value)), row)
      rule(type === 'gauge' || Number(value) >= 0, row)
      const labels = [...written.matchAll(/([a-zA-Z0-9_]+)="((?:[^"\\]|\\.)*)"/g)].map(
        ([, label = '', text = '']) => [label, text],
      )
      found.push({ name, labels: Object.fromEntries(labels) as Record<string, string>, value: Number(value) })
    }
  }
  t.same(broken, [], 'the rules of the text format')
  return found
}

const valueOf = (all: readonly Parsed[], name: string, labels: Record<string, string> = {}): number =>
  all
    .filter((one) => one.name === name && Object.entries(labels).every(([k, v]) => one.labels[k] === v))
    .reduce((sum, { value }) => sum + value, 0)

t.test('names and units are by the conventions', async (t) => {
  for (const [name, { type, labels, doc }] of Object.entries(metrics)) {
    t.match(name, /^twofold_[a-z0-9]+(_[a-z0-9]+)*$/)
    t.equal(name.endsWith('_total'), type === 'counter', `${name}: _total is of counters`)
    t.notMatch(name, /_(gauge|counter|histogram|bucket|sum|count|info_total)$/, 'no type in the name')
    t.notMatch(name, /milli|micro|nano|minutes|hours|kilo|mega|_ms(_|$)|bits|percent/, 'base units')
    if (/bytes/.test(name)) t.match(name, /_bytes(_total)?$/, 'the unit is at the end')
    if (/seconds/.test(name)) t.match(name, /_seconds(_total)?$/)
    t.notOk(labels.some((label) => ['le', 'quantile', 'job', 'instance'].includes(label)))
    t.match(doc, /\.$/)
  }
})

t.test('whatever a label or a help holds, a line is a line', async (t) => {
  const labels = { disk: 'a"b\\c\nd', bucket: '' }
  const text = exposition([{ name: 'twofold_disk_available', labels, value: 1 }])
  t.match(text, '{disk="a\\"b\\\\c\\nd",bucket=""} 1\n')
  t.equal(parse(t, text).length, 1)
})

t.test('a daemon tells what it did', async (t) => {
  const top = mkdtempSync(join(tmpdir(), 'twofold-metrics-'))
  t.teardown(() => rmSync(top, { recursive: true, force: true }))
  const data = join(top, 'data')
  mkdirSync(data)
  writeFileSync(join(data, 'ten'), '0123456789')
  const args = ['--listen', '127.0.0.1:0', '--metrics-listen', '127.0.0.1:0', '--passthrough', 'off'].concat(
    '--allowed-hosts',
    'metrics.test',
  )
  const state = join(top, 'state')
  const daemon = await startDaemon(data, { state, args: noMount ? [...args, '--no-mount'] : args })
  t.teardown(() => daemon.stop())
  const control = new Client(join(state, 'control.sock'))
  const { metricsListen, processes } = await control.ask('status')
  const url = `http://${metricsListen}/metrics`
  const scrape = async (t: Test) => parse(t, await (await fetch(url)).text())

  for (let i = 0; i < 3; i++) t.equal((await s3(daemon, { key: 'ten' })).status, 200)
  t.equal((await s3(daemon, { key: 'none' })).status, 404)
  t.equal((await s3({ ...daemon, secretAccessKey: 'wrong' }, { key: 'ten' })).status, 403)
  t.equal((await fetch(`${daemon.endpoint}/-/health`)).status, 200)

  await t.test('of requests, by disk, operation and status', async (t) => {
    const all = await scrape(t)
    const of = { disk: daemon.disk, operation: 'GetObject' }
    t.equal(valueOf(all, 'twofold_s3_requests_total', { ...of, status: '200' }), 3)
    t.equal(valueOf(all, 'twofold_s3_requests_total', { ...of, status: '404' }), 1)
    t.equal(valueOf(all, 'twofold_s3_requests_total', { status: '403' }), 1)
    t.equal(valueOf(all, 'twofold_s3_requests_total', { operation: 'Health', status: '200' }), 1)
    t.ok(valueOf(all, 'twofold_s3_response_bytes_total', of) >= 30)
    const name = 'twofold_s3_request_duration_seconds'
    t.equal(valueOf(all, `${name}_count`, { operation: 'GetObject' }), 4)
    t.equal(valueOf(all, `${name}_bucket`, { operation: 'GetObject', le: '+Inf' }), 4)
    for (const process of ['worker-0', 'worker-1']) {
      const buckets = all.filter(
        (one) =>
          one.name === `${name}_bucket` &&
          one.labels['process'] === process &&
          one.labels['operation'] === 'GetObject',
      )
      t.ok(
        buckets.every(({ value }, i) => value >= (buckets[i - 1]?.value ?? 0)),
        'a bucket holds the ones before it',
      )
    }
  })

  await t.test('of processes and disks', async (t) => {
    const all = await scrape(t)
    for (const { name } of processes) {
      t.equal(valueOf(all, 'twofold_process_up', { process: name }), 1, name)
      t.ok(valueOf(all, 'twofold_process_resident_memory_bytes', { process: name }) > 1e7)
      t.ok(valueOf(all, 'twofold_process_open_fds', { process: name }) > 3)
    }
    t.equal(valueOf(all, 'twofold_process_answering', { process: 'worker-0' }), 1)
    t.equal(valueOf(all, 'twofold_disk_available', { disk: daemon.disk, bucket: 'data' }), 1)
    t.ok(Math.abs(valueOf(all, 'twofold_start_time_seconds') - Date.now() / 1000) < 600)
  })

  await t.test('of each mount', { skip: noMount }, async (t) => {
    const disk = { disk: daemon.disk }
    const before = await scrape(t)
    writeFileSync(join(daemon.mountpoint ?? '', 'new'), Buffer.alloc(5000))
    t.equal(readFileSync(join(daemon.mountpoint ?? '', 'ten')).length, 10)
    const after = await scrape(t)
    const grown = (name: MetricName, labels = {}) =>
      valueOf(after, name, { ...disk, ...labels }) - valueOf(before, name, { ...disk, ...labels })
    t.ok(grown('twofold_mount_operations_total', { operation: 'WRITE' }) >= 1)
    t.ok(grown('twofold_mount_operation_seconds_total', { operation: 'WRITE' }) > 0)
    t.equal(grown('twofold_mount_written_bytes_total'), 5000)
    t.ok(valueOf(after, 'twofold_mount_nodes', disk) >= 2)
    t.equal(valueOf(after, 'twofold_mount_up', disk), 1)
    t.equal(valueOf(after, 'twofold_mount_passthrough', disk), 0)
    const names = new Set(after.map(({ name }) => name.replace(/_(bucket|sum|count)$/, '')))
    for (const name of Object.keys(metrics)) t.ok(names.has(name), `${name} is among them`)
  })

  await t.test('and of a process that hangs, that it does', async (t) => {
    const [worker] = processes.filter(({ role }) => role === 'worker')
    process.kill(worker?.pid ?? 0, 'SIGSTOP')
    try {
      const all = await scrape(t)
      t.equal(valueOf(all, 'twofold_process_answering', { process: 'worker-0' }), 0)
      t.equal(valueOf(all, 'twofold_process_answering', { process: 'worker-1' }), 1)
      t.equal(valueOf(all, 'twofold_disk_available', { disk: daemon.disk }), 1)
    } finally {
      process.kill(worker?.pid ?? 0, 'SIGCONT')
    }
  })

  await t.test('the command prints the same', async (t) => {
    const run = (...more: string[]) =>
      spawnSync(process.execPath, [twofold, 'metrics', '--state', state, ...more], { encoding: 'utf8' })
    t.ok(parse(t, run().stdout).length > 20)
    const samples = JSON.parse(run('--json').stdout) as Sample[]
    t.ok(samples.every(({ name }) => Object.hasOwn(metrics, name)))
  })

  await t.test('and nothing else is there', async (t) => {
    t.equal((await fetch(new URL('/', url))).status, 404)
    t.equal((await fetch(new URL('/api/status', url))).status, 404)
    t.equal((await fetch(url, { method: 'POST' })).status, 405)
    const head = await fetch(url, { method: 'HEAD' })
    t.equal(head.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  })

  await t.test('a page that had its name lead here gets nothing', async (t) => {
    const { port } = new URL(url)
    const asked = async (host: string, line = 'GET /metrics HTTP/1.1') => {
      const { status, body, headers } = await exchange(Number(port), [
        `${line}\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      ])
      t.equal(headers.get('cross-origin-resource-policy'), 'same-origin')
      t.equal(status === 200, body.includes('twofold_build_info'), `${host}: ${status}`)
      return status
    }
    for (const host of [
      `127.0.0.1:${port}`,
      '[::1]:9',
      'localhost',
      'LocalHost.:80',
      '10.1.2.3',
      'metrics.test',
      'METRICS.test:1',
    ])
      t.equal(await asked(host), 200, host)
    for (const host of [
      'evil.test',
      `evil.test:${port}`,
      'localhost.evil.test',
      '127.0.0.1.evil.test',
      'xmetrics.test',
      '[evil]',
      '',
      'a b',
      'twofold',
    ])
      t.equal(await asked(host), 421, host)
    t.equal(await asked('localhost\r\nHost: evil.test'), 400)
    t.equal(await asked('evil.test', 'GET /none HTTP/1.1'), 421)
    const { body } = await exchange(Number(port), ['GET /metrics HTTP/1.1\r\nHost: evil.test\r\n\r\n'])
    t.match(body, /"evil\.test" is no name .* --allowed-hosts/)
  })

  await t.test('nor does the control socket answer it', async (t) => {
    const asked = (host: string) =>
      new Promise<number>((resolve, reject) => {
        request(
          { socketPath: join(state, 'control.sock'), path: '/api/status', headers: { host } },
          (response) => {
            t.equal(response.headers['cross-origin-resource-policy'], 'same-origin')
            response.resume().on('end', () => resolve(response.statusCode ?? 0))
          },
        )
          .on('error', reject)
          .end()
      })
    for (const host of ['twofold', 'localhost', '127.0.0.1', 'metrics.test'])
      t.equal(await asked(host), 200, host)
    t.equal(await asked('evil.test'), 421)
  })

  const start = (address: string) =>
    spawnSync(
      process.execPath,
      [
        twofold,
        'serve',
        '--state',
        join(top, 'other'),
        '--listen',
        '127.0.0.1:0',
        '--metrics-listen',
        address,
      ],
      { encoding: 'utf8' },
    )
  await t.test('an address that can’t be had ends the start with one line', async (t) => {
    const taken = start(metricsListen ?? '')
    t.equal(taken.status, 8)
    t.match(taken.stderr, /^twofold: --metrics-listen \S+ is taken by .*\(pid \d+\): name another one$/m)
    const exposed = start('0.0.0.0:0')
    t.equal(exposed.status, 2)
    t.match(
      exposed.stderr,
      /^twofold: --metrics-listen 0\.0\.0\.0:0 can be reached by other machines.*--expose/m,
    )
    t.equal(start('203.0.113.7:9011').status, 2)
  })
})
