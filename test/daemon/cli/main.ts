import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Client } from '../../../daemon/cli/client.ts'
import { commands } from '../../../daemon/cli/commands.ts'
import { completionScript, shells } from '../../../daemon/cli/completion.ts'
import { twofold } from '../../../daemon/cli/main.ts'

async function run(...argv: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  let stdout = ''
  let stderr = ''
  const status = await twofold(
    argv,
    { write: (text) => (stdout += text) },
    { write: (text) => (stderr += text) },
  )
  return { status, stdout, stderr }
}

t.test('without a command the overview is printed, and the status says that one was wanted', async (t) => {
  const bare = await run()
  t.equal(bare.status, 2)
  for (const { name } of commands) t.match(bare.stdout, name)
  t.equal((await run('--help')).status, 0)
})

t.test('every command explains itself, exit statuses included', async (t) => {
  for (const { name, flags, arguments: args } of commands) {
    const { status, stdout, stderr } = await run(...name.split(' '), '--help')
    t.equal(status, 0, name)
    t.equal(stderr, '')
    for (const flag of Object.keys(flags)) t.ok(stdout.includes(`--${flag}`), `${name} --${flag}`)
    for (const argument of args) t.ok(stdout.includes(argument.name), `${name} ${argument.name}`)
    t.ok(stdout.includes('EXIT STATUS'))
  }
})

t.test('help is found where people look for it', async (t) => {
  t.equal((await run('help')).stdout, (await run('--help')).stdout)
  t.equal((await run('help', 'disk', 'set')).stdout, (await run('disk', 'set', '-h')).stdout)
  for (const words of [
    ['disk', '--help'],
    ['help', 'disk'],
  ]) {
    const { status, stdout } = await run(...words)
    t.equal(status, 0)
    for (const { name } of commands) t.equal(stdout.includes(`  ${name} `), name.startsWith('disk '), name)
  }
})

t.test('a mistake in the call is one line with the remedy, and status 2', async (t) => {
  for (const [argv, expected] of [
    [['completio'], /"completio" is no command, did you mean "completion"/],
    [['completion'], /SHELL is missing: twofold completion SHELL/],
    [['completion', 'bash', 'zsh'], /"zsh" is one argument too many/],
    [['completion', '--stat', 'x'], /"--stat" is no option here, did you mean "--state"/],
    [['completion', 'bash', '--state'], /--state wants a value/],
    [['completion', 'csh'], /"csh" is no shell/],
    [['--nonsense'], /"--nonsense" is no option here/],
    [['disk'], /"disk" wants one of: adopt, .*twofold disk --help explains/],
    [['disk', 'adopt', ''], /DIRECTORY is empty: twofold disk adopt DIRECTORY/],
    [['user', 'add', 'data', ''], /NAME is empty/],
    [['disk', 'create', 'data', '--region', ''], /--region is empty/],
    [['disk', 'create', 'data', '--symlink-depth', '-1'], /is written --symlink-depth=-VALUE/],
    [['disk', 'create', 'data', '--symlink-depth', '41'], /takes a whole number of 0 to 40, not "41"/],
    [['disk', 'set', 'data', '--tag', 'a=b', '--untag', 'a'], /exclude each other/],
    [['help', 'nonsense'], /"nonsense" is no command/],
  ] as const) {
    const { status, stdout, stderr } = await run(...argv)
    t.equal(status, 2, argv.join(' '))
    t.equal(stdout, '')
    t.match(stderr, expected)
    t.match(stderr, /^twofold: [^\n]+\n$/, 'one line')
  }
})

t.test('with --json an error is JSON too', async (t) => {
  const { status, stderr } = await run('completion', 'csh', '--json')
  t.equal(status, 2)
  t.match(JSON.parse(stderr), { success: false, code: 'Usage', exit: 2, error: /csh/ })
})

t.test('common flags may stand before the command', async (t) => {
  const { status, stdout } = await run('--state', '/nowhere', 'completion', 'bash')
  t.equal(status, 0)
  t.match(stdout, 'complete -F _twofold twofold')
})

t.test('the version is the package’s', async (t) => {
  t.match((await run('--version')).stdout, /^\d+\.\d+\.\d+\n$/)
  t.match(JSON.parse((await run('--version', '--json')).stdout), { version: /^\d/ })
})

t.test('a completion script is one that its shell can read', async (t) => {
  for (const shell of shells) {
    const script = completionScript(shell, commands)
    for (const { name } of commands) t.ok(script.includes(name.split(' ').at(-1) ?? ''), `${shell} ${name}`)
    try {
      execFileSync(shell, ['-n', join(t.testdir({ script }), 'script')], {
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      t.pass(`${shell} reads it`)
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') t.pass(`no ${shell} here`)
      else t.fail(`${shell} refuses it: ${String(error)}`)
    }
  }
})

t.test('bash completes commands, flags and choices', async (t) => {
  const offered = (line: string): string[] => {
    const words = line.split(' ')
    const ask = `${completionScript('bash', commands)}
      COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
      _twofold; printf '%s\\n' "\${COMPREPLY[@]}"`
    return execFileSync('bash', ['-c', ask], { encoding: 'utf8' }).trim().split('\n')
  }
  t.same(offered('twofold compl'), ['completion'])
  t.same(offered('twofold completion --j'), ['--json'])
  t.same(offered('twofold completion f'), ['fish'])
})

t.test('a daemon that says nothing is told from one that is not there', async (t) => {
  const place = mkdtempSync(join(tmpdir(), 'twofold-silent-'))
  t.teardown(() => rmSync(place, { recursive: true }))
  const socket = join(place, 'socket')
  const server = createServer((connection) => connection.resume()).listen({ path: socket })
  await once(server, 'listening')
  await t.rejects(new Client(socket, 50).ask('status'), {
    code: 'ServiceUnavailable',
    message: /does not answer/,
  })
  server.close()
  await once(server, 'close')
  await t.rejects(new Client(socket, 50).ask('status'), { code: 'DaemonNotRunning' })
})
