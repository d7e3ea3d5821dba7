import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readConfigFile, resolveConfig, settings, settingNames, type Surroundings } from '../../lib/config.ts'
import { formatListen, parseListen } from '../../lib/listen-address.ts'
import { createLog } from '../../lib/log.ts'

const place = (more: Partial<Surroundings> = {}): Surroundings => ({
  root: false,
  home: '/home/ann',
  cwd: '/work',
  xdgStateHome: undefined,
  xdgRuntimeDir: undefined,
  xdgConfigHome: undefined,
  ...more,
})

t.test('a flag wins over the environment, that over the file, that over the default', async (t) => {
  const environment = { TWOFOLD_WORKERS: '3', TWOFOLD_LOG_LEVEL: 'warn' }
  const file = { workers: 4, logLevel: 'error', engine: 'kernel' }
  const config = resolveConfig({ workers: '5' }, environment, file, place())
  t.match(config, { workers: 5, logLevel: 'warn', engine: 'kernel', expose: false })
})

t.test('root and others have their places, and --state has all of them', async (t) => {
  t.match(resolveConfig({}, {}, {}, place({ root: true })), {
    state: '/var/lib/twofold',
    controlSocket: '/run/twofold/control.sock',
    mounts: '/mnt/twofold',
  })
  t.match(resolveConfig({}, {}, {}, place({ xdgStateHome: '/s', xdgRuntimeDir: '/r' })), {
    state: '/s/twofold',
    controlSocket: '/r/twofold/control.sock',
    mounts: '/home/ann/twofold',
  })
  t.match(resolveConfig({}, {}, {}, place()), { state: '/home/ann/.local/state/twofold' })
  const own = { state: '/work/st', controlSocket: '/work/st/control.sock', mounts: '/work/st/mounts' }
  t.match(resolveConfig({ state: 'st' }, {}, {}, place({ root: true })), own)
  t.match(resolveConfig({}, { TWOFOLD_STATE: 'st' }, {}, place()), own)
  t.match(resolveConfig({ state: 'st', mounts: '/m' }, {}, {}, place()), { ...own, mounts: '/m' })
})

t.test('a value that a setting does not take names its source', async (t) => {
  const refuse = (flags: object, environment: object, file: object, message: RegExp) =>
    t.throws(() => resolveConfig(flags, environment as Record<string, string>, file, place()), {
      code: 'InvalidSetting',
      message,
    })
  refuse({ workers: '0' }, {}, {}, /^--workers: "0" is not a whole number of 1 to 64/)
  refuse({}, { TWOFOLD_WORKERS: 'many' }, {}, /^TWOFOLD_WORKERS: /)
  refuse({}, {}, { workers: 1.5 }, /^"workers" of the configuration file: /)
  refuse({ listen: 'nowhere:80' }, {}, {}, /--listen/)
  refuse({ engine: 'bsd' }, {}, {}, /one of auto, kernel, fuse-native/)
  refuse({ publicUrl: 'ftp://x' }, {}, {}, /--public-url/)
  refuse({ domains: 'a b' }, {}, {}, /--domains/)
  refuse({ idleTimeout: '1d' }, {}, {}, /--idle-timeout/)
  for (const proxies of [
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0/8',
    '::/129',
    'proxy.test',
    '10.0.0.1/8/9',
    'fe80::1%eth0',
    '*',
  ])
    refuse(
      { trustedProxies: proxies },
      {},
      {},
      /^--trusted-proxies: .* is not a list of addresses and networks/,
    )
})

t.test('sizes, times, lists and URLs are understood', async (t) => {
  const config = resolveConfig(
    {
      maxHeaderBytes: '32k',
      listingCacheBytes: '1GiB',
      idleTimeout: '2m',
      headersTimeout: '1.5',
      drainTimeout: '250ms',
      domains: 'S3.example.net, localhost',
      trustedProxies: '10.0.0.0/8, FD00::/8,192.0.2.1',
      publicUrl: 'https://files.example.net/',
    },
    {},
    {},
    place(),
  )
  t.match(config, {
    maxHeaderBytes: 32 * 1024,
    listingCacheBytes: 1024 ** 3,
    idleTimeout: 120_000,
    headersTimeout: 1500,
    drainTimeout: 250,
    publicUrl: 'https://files.example.net',
  })
  t.strictSame(config.domains, ['s3.example.net', 'localhost'])
  t.strictSame(config.trustedProxies, ['10.0.0.0/8', 'fd00::/8', '192.0.2.1'])
})

t.test('addresses to listen on', async (t) => {
  const shown = (text: unknown) => formatListen(parseListen(text))
  t.equal(shown('127.0.0.1:80'), '127.0.0.1:80')
  t.equal(shown('[::1]:80'), '[::1]:80')
  t.equal(shown('::1'.replace('::1', '[::1]')), '[::1]:9010')
  t.equal(shown('localhost:0'), '127.0.0.1:0')
  t.equal(shown('*:9000'), '0.0.0.0:9000')
  t.equal(shown(':9000'), '127.0.0.1:9000')
  t.equal(shown('9000'), '127.0.0.1:9000')
  t.equal(shown('10.0.0.1'), '10.0.0.1:9010')
  for (const wrong of ['', 'host:1', '1.2.3.4:65536', '::1:80', '[::1', '1.2.3.4:', 'a:b:c', null, {}]) {
    t.throws(() => parseListen(wrong), { code: 'InvalidSetting' }, String(wrong))
  }
})

t.test('the configuration file is a JSON object of known keys', async (t) => {
  const dir = t.testdir({})
  const file = (text: string) => {
    writeFileSync(join(dir, 'c.json'), text)
    return join(dir, 'c.json')
  }
  t.strictSame(readConfigFile(file('{"workers": 3, "publicUrl": "http://x"}'), true), {
    workers: 3,
    publicUrl: 'http://x',
  })
  t.strictSame(readConfigFile(join(dir, 'none'), false), {})
  t.throws(() => readConfigFile(join(dir, 'none'), true), { code: 'InvalidSetting', message: /ENOENT/ })
  t.throws(() => readConfigFile(file('{"wrokers": 3}'), true), { message: /no setting "wrokers"/ })
  t.throws(() => readConfigFile(file('[]'), true), { message: /not a JSON object/ })
  t.throws(() => readConfigFile(file('{'), true), { message: /not JSON/ })
})

t.test(
  'no two settings share a flag, a variable or a key, and each default is one that it takes',
  async (t) => {
    const rows = settingNames.map((name) => settings[name])
    for (const part of ['flag', 'env', 'key'] as const) {
      t.equal(new Set(rows.map((row) => row[part])).size, rows.length, part)
    }
    const config = resolveConfig({}, {}, {}, place())
    // What the documentation calls the default, where that is a value.
    const written = Object.fromEntries(
      settingNames.map((name) => {
        const { defaultText } = settings[name] as { defaultText?: string }
        if (config[name] === null) return [name, undefined]
        return [name, /^[\d.:]+[a-zA-Z]*$/.test(defaultText ?? '') ? defaultText : config[name]]
      }),
    )
    t.strictSame(resolveConfig({}, {}, written, place()), config)
  },
)

t.test('a log line is one line of JSON, whatever is in it', async (t) => {
  const lines: string[] = []
  const log = createLog({
    level: 'info',
    format: 'json',
    write: (line) => lines.push(line),
    fields: { role: 'x' },
  })
  log.debug('not.written')
  log
    .with({ disk: 'd' })
    .info('request', { key: 'a\nb', size: 10n, none: undefined, error: new TypeError('no') })
  t.equal(lines.length, 1)
  t.equal(lines[0]?.indexOf('\n'), (lines[0]?.length ?? 0) - 1)
  t.match(JSON.parse(lines[0] ?? ''), {
    level: 'info',
    event: 'request',
    role: 'x',
    disk: 'd',
    key: 'a\nb',
    size: '10',
    error: 'TypeError: no',
  })
  t.ok(log.writes('warn'))
  t.notOk(log.writes('debug'))
})

t.test('a text line lets no key write into the terminal', async (t) => {
  const lines: string[] = []
  const log = createLog({ level: 'debug', format: 'text', write: (line) => lines.push(line) })
  log.warn('request', { key: 'a\u001b[2Jb', name: 'two words', bidi: '\u202egpj' })
  t.match(lines[0], /warn  request key=a\\u001b\[2Jb name="two words" bidi=\\u202egpj\n$/)
})
