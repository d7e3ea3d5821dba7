/** README's tour, typed in as it stands there. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mkdtempSync, rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { twofold } from '../fixtures/daemon.ts'

const repository = fileURLToPath(new URL('../../..', import.meta.url))
const readme = readFileSync(join(repository, 'README.md'), 'utf8')
const blocks = (mark: string): string[] =>
  [...readme.matchAll(new RegExp(`<!-- ${mark} -->\\n\\n\`\`\`sh\\n([^\`]*)\`\`\``, 'g'))].map(
    ([, lines = '']) => lines,
  )

const missing = !existsSync('/dev/fuse')
  ? 'needs /dev/fuse'
  : process.getuid?.() !== 0
    ? 'needs root, as the tour says'
    : spawnSync('curl', ['--version']).status !== 0
      ? 'needs curl'
      : false

t.test('the tour runs as it is printed', { skip: missing }, async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'twofold-tour-'))
  t.teardown(() => rmSync(home, { recursive: true, force: true }))
  const bin = join(home, 'bin')
  mkdirSync(bin)
  // What npm would run, without its install and its banner.
  const shim = (name: string, script: string) => {
    writeFileSync(join(bin, name), `#!/bin/sh\nshift; ${script}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  shim('npx', `exec ${process.execPath} ${twofold} "$@"`)
  shim('npm', `shift; exec ${process.execPath} ${twofold} up "$@"`)
  const mounts = join(home, 'mounts')
  const env = {
    ...process.env,
    HOME: home,
    PATH: `${bin}:${process.env.PATH}`,
    TWOFOLD_STATE: join(home, 'state'),
    TWOFOLD_MOUNTS: mounts,
    TWOFOLD_LISTEN: '127.0.0.1:0',
  }
  const typed = (lines: string) => `set -e\ncd ${repository}\n${lines.replaceAll('/mnt/twofold', mounts)}`

  const [start = ''] = blocks('tour: start')
  const daemon = spawn('sh', ['-c', typed(start.replace('npm start', 'exec npm start'))], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [daemon.stdout, daemon.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  const ended = once(daemon, 'exit')
  t.teardown(() => daemon.kill('SIGKILL'))
  for (let i = 0; i < 300 && !said.includes('Ctrl-C unmounts') && daemon.exitCode === null; i++)
    await sleep(100)
  t.match(said, /mount +\S+mounts\/photos/)
  t.match(said, /bucket +photos/)
  t.match(said, /secret +\S{20,}/)

  const tour = blocks('tour')
  t.ok(tour.length >= 4)
  for (const lines of tour) {
    const { status, stdout, stderr } = spawnSync('sh', ['-c', typed(lines)], { env, encoding: 'utf8' })
    t.equal(status, 0, lines.split('\n')[0] ?? '', { stderr, stdout })
    if (lines.includes('hello.txt')) t.equal(stdout.match(/Hello from the mount/g)?.length, 2, stdout)
  }

  daemon.kill('SIGINT')
  const [code] = await ended
  t.equal(code, 0)
  t.match(said, 'Unmounted and stopped.')
  t.notOk(readFileSync('/proc/self/mounts', 'utf8').includes(home), 'no mount is left')
})
