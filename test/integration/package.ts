/**
 * What `npm pack` makes, installed as a user installs it: nothing else in the directory, in HOME or of the repository.
 * The packages that it depends on come from npm's cache, or from the registry where that lacks one.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { version } from '../../lib/version.ts'
import { startDaemon } from '../fixtures/daemon.ts'
import { s3 } from '../fixtures/s3.ts'

const repository = fileURLToPath(new URL('../../..', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'twofold-package-'))
t.teardown(() => rmSync(scratch, { recursive: true, force: true }))
const place = (name: string): string => {
  mkdirSync(join(scratch, name))
  return join(scratch, name)
}
const [home, packed, installed] = [place('home'), place('packed'), place('installed')]
const path = `${dirname(process.execPath)}${delimiter}${process.env.PATH}`
// HOME is empty but for what npm downloaded before: the registry is asked for what is missing there.
const cache = execFileSync('npm', ['config', 'get', 'cache'], { encoding: 'utf8' }).trim()
symlinkSync(join(cache, '_cacache'), join(place('home/.npm'), '_cacache'))
/** Without what the npm that runs this test tells its children. */
const env = { PATH: path, HOME: home, npm_config_prefer_offline: 'true' }
/** Without what tap puts into the environment of each Node that a test starts: the compiler doesn't run with it. */
const run = (program: string, args: readonly string[], cwd = home): string =>
  execFileSync('env', ['-u', 'NODE_OPTIONS', program, ...args], {
    cwd,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
const tarball = join(packed, `twofold-${version}.tgz`)
const command = join(installed, 'node_modules/.bin/twofold')

t.test('the package holds what runs and what is read, and no test', async (t) => {
  const [made] = JSON.parse(run('npm', ['pack', '--json', `--pack-destination=${packed}`], repository)) as [
    { files: { path: string }[] },
  ]
  const files = made.files.map((file) => file.path)
  for (const wanted of ['LICENSE', 'README.md', 'CHANGELOG.md', 'dist/daemon/main.js', 'docs/security.md'])
    t.ok(files.includes(wanted), wanted)
  t.same(
    files.filter((file) => !/^(dist\/(lib|mount|daemon)\/.+\.js|docs\/[^/]+\.md|[^/]+)$/.test(file)),
    [],
  )
})

t.test('it installs without a compiler, a type or a tool of development', async (t) => {
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error']
  run('npm', ['install', '--omit=dev', '--ignore-scripts', ...quiet, tarball], installed)
  const { packages } = JSON.parse(
    readFileSync(join(installed, 'node_modules/.package-lock.json'), 'utf8'),
  ) as {
    packages: Record<string, unknown>
  }
  const names = Object.keys(packages).map((path) => path.slice(path.lastIndexOf('node_modules/') + 13))
  t.same(
    names.filter((name) => /^(@types\/|typescript|tap$|eslint|prettier)/.test(name)),
    [],
  )
  // 79 with our own, when this was written; the tools of development are 350 more.
  t.ok(names.length <= 85, `${names.length} packages`)
})

t.test('the command tells its version', async (t) => {
  t.equal(run(command, ['--version']), `${version}\n`)
})

t.test('a file is read through both doors', async (t) => {
  const data = place('data')
  writeFileSync(join(data, 'greeting.txt'), 'hello\n')
  const daemon = await startDaemon(data, {
    command,
    env: { ...env, NODE_OPTIONS: '' },
    args: ['--listen', '127.0.0.1:0'],
  })
  t.teardown(() => daemon.stop())
  const { status, body } = await s3(daemon, { key: 'greeting.txt' })
  t.equal(`${status} ${body.toString()}`, '200 hello\n')
  if (existsSync('/dev/fuse') && process.getuid?.() === 0)
    t.equal(readFileSync(join(daemon.mountpoint ?? '', 'greeting.txt'), 'utf8'), 'hello\n')
  await daemon.stop()
  t.notOk(readFileSync('/proc/self/mounts', 'utf8').includes(daemon.state), 'no mount is left')
})

t.test('npx starts it from the file, and prints commands that work in another terminal', async (t) => {
  const data = place('npx')
  const up = [
    '--yes',
    `./${basename(tarball)}`,
    'up',
    data,
    '--state',
    join(scratch, 'state'),
    '--listen',
    '127.0.0.1:0',
  ]
  // A group of its own, all of which gets the signal, as from a terminal.
  const npx = spawn('env', ['-u', 'NODE_OPTIONS', 'npx', ...up], {
    cwd: packed,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(npx, 'close')
  let said = ''
  for (const stream of [npx.stdout, npx.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  while (!said.includes('Ctrl-C unmounts') && npx.stdout.readable)
    await Promise.race([once(npx.stdout, 'data'), ended])
  const [, printed = ''] = /any browser: (.+ share .+)\. More/.exec(said) ?? []
  writeFileSync(join(data, 'FILE'), 'hello\n')
  try {
    const link = run('sh', ['-c', printed]).trim()
    t.equal(await (await fetch(link)).text(), 'hello\n', printed)
  } finally {
    process.kill(-(npx.pid ?? 0), 'SIGINT')
    await ended
  }
  t.match(said, 'Unmounted and stopped.')
})
