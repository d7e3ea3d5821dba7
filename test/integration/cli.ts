/** The command as people and scripts call it, against a daemon of its own. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t from 'tap'
import { commands } from '../../daemon/cli/commands.ts'
import { twofold as main } from '../../daemon/cli/main.ts'
import { startDaemon, twofold, type Daemon } from '../fixtures/daemon.ts'
import { s3 } from '../fixtures/s3.ts'

const top = realpathSync(mkdtempSync(join(tmpdir(), 'twofold-cli-')))
t.teardown(() => rmSync(top, { recursive: true, force: true }))
const state = join(top, 'state')
const data = join(top, 'data')
mkdirSync(join(data, 'deep'), { recursive: true })
writeFileSync(join(data, 'deep', 'file.txt'), 'content')

const args = ['--listen', '127.0.0.1:0']
const cannotMount =
  process.getuid?.() !== 0 || !existsSync('/dev/fuse') ? 'needs root and /dev/fuse to mount' : false

interface Answer {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}
const ran = new Set<string>()
const call = async (...typed: string[]): Promise<Answer> => {
  const name = commands.map((command) => command.name).find((one) => typed.join(' ').startsWith(one))
  if (name !== undefined) ran.add(name)
  let [stdout, stderr] = ['', '']
  const status = await main(
    [...typed, '--state', state],
    { write: (text) => (stdout += text) },
    { write: (text) => (stderr += text) },
  )
  return { status, stdout, stderr }
}
/** The one line of JSON that a command answers with. */
const json = async (...typed: string[]): Promise<Record<string, unknown>> => {
  const { status, stdout, stderr } = await call(...typed, '--json')
  if (status !== 0) throw new Error(`${typed.join(' ')}: status ${status}: ${stderr}`)
  return JSON.parse(stdout) as Record<string, unknown>
}
const get = async (door: Daemon, accessKeyId: string, secretAccessKey: string | null): Promise<number> =>
  (await s3({ ...door, accessKeyId, secretAccessKey }, { key: 'deep/file.txt' })).status

t.test('up adopts a directory, and finds it again', async (t) => {
  const first = await startDaemon(data, { state, args })
  t.same(Object.keys(await json('status')).includes('endpoint'), true)
  t.equal(first.bucket, 'data')
  t.equal(first.region, 'local')
  t.match(first.disk, /^dsk-[0-9a-f]{16}$/)
  if (first.mountpoint !== null)
    t.equal(readFileSync(join(first.mountpoint, 'deep/file.txt'), 'utf8'), 'content')
  t.equal(await get(first, first.accessKeyId, first.secretAccessKey), 200)
  await first.stop()

  const second = await startDaemon(data, { state, args })
  t.same([second.disk, second.accessKeyId, second.secretAccessKey], [first.disk, first.accessKeyId, null])
  t.equal(await get(second, first.accessKeyId, first.secretAccessKey), 200, 'the first secret still opens it')
  await second.stop()

  const third = await startDaemon(data, { state, args: [...args, '--new-user', '--no-mount'] })
  t.not(third.accessKeyId, first.accessKeyId)
  t.equal(third.mountpoint, null)
  t.equal(await get(third, third.accessKeyId, third.secretAccessKey), 200)
  t.equal(await get(third, first.accessKeyId, first.secretAccessKey), 200)
  await third.stop()
})

t.test('up --read-only lets nothing be written through the mount', { skip: cannotMount }, async (t) => {
  const daemon = await startDaemon(data, { state, args: [...args, '--read-only'] })
  t.teardown(() => daemon.stop())
  const mountpoint = daemon.mountpoint ?? ''
  t.throws(() => writeFileSync(join(mountpoint, 'new'), ''), { code: 'EROFS' })
  t.equal(readFileSync(join(mountpoint, 'deep/file.txt'), 'utf8'), 'content')
})

t.test('up makes a sample disk when nothing is named, and takes the newest disk later', async (t) => {
  const directory = join(top, 'sample-state')
  const start = () =>
    spawn(process.execPath, [twofold, 'up', '--json', '--no-mount', '--state', directory, ...args])
  const line = async (child: ReturnType<typeof start>) => {
    let said = ''
    for await (const chunk of child.stdout) if ((said += String(chunk)).includes('\n')) break
    return JSON.parse(said) as Record<string, string>
  }
  const stop = async (child: ReturnType<typeof start>) => {
    // A terminal's Ctrl-C comes twice when npm is in between.
    child.kill('SIGINT')
    child.kill('SIGINT')
    const [status] = await once(child, 'exit')
    t.equal(status, 0)
  }
  const child = start()
  const ready = await line(child)
  t.equal(ready['bucket'], 'sample')
  const door = { ...ready } as unknown as Daemon
  const { body } = await s3(door, { query: { 'list-type': '2' } })
  for (const key of ['notes/café ☕.md', 'pictures/dusk.png', 'an empty directory/'])
    t.match(body.toString(), key)
  await stop(child)
  const again = start()
  t.equal((await line(again))['disk'], ready['disk'])
  await stop(again)
})

t.test(
  'without /dev/fuse the S3 door opens, and a line says what to do',
  { skip: cannotMount },
  async (t) => {
    const bare = join(top, 'dev')
    mkdirSync(bare)
    const nodes = 'mknod $0/null c 1 3; mknod $0/zero c 1 5; mknod $0/random c 1 8; mknod $0/urandom c 1 9'
    const script = `mount -t tmpfs none $0 && { ${nodes}; } && mount --move $0 /dev && exec "$@"`
    const up = [process.execPath, twofold, 'up', data, '--state', join(top, 'no-fuse'), ...args]
    const child = spawn('unshare', ['--mount', 'sh', '-c', script, bare, ...up])
    let said = ''
    for await (const chunk of child.stdout) if ((said += String(chunk)).includes('Ctrl-C')) break
    t.match(said, /No mount: there is no \/dev\/fuse/)
    t.match(said, /To have one: .*modprobe fuse/)
    t.match(said, /endpoint +http:/)
    child.kill('SIGTERM')
    t.same(await once(child, 'exit'), [0, null])
  },
)

t.test('output that can’t be written is one line, and a reader that leaves early is none', async (t) => {
  const run = (redirection: string) =>
    spawnSync('bash', ['-c', `${process.execPath} ${twofold} --help ${redirection}; echo $PIPESTATUS >&2`], {
      encoding: 'utf8',
    })
  t.match(run('> /dev/full').stderr, /^twofold: what was to be printed .*\(ENOSPC\)\n1\n$/)
  t.equal(run('| head -1').stderr, '0\n')
})

t.test('up that is interrupted while it starts leaves nothing, and no error', async (t) => {
  for (const milliseconds of [300, 600, 900]) {
    const child = spawn(process.execPath, [twofold, 'up', data, '--state', join(top, 'early'), ...args])
    let said = ''
    child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()))
    setTimeout(() => child.kill('SIGINT'), milliseconds)
    const [status, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    t.ok(signal === 'SIGINT' || status === 0 || status === 130, `${status} ${signal}`)
    t.notMatch(said, /^twofold: /m)
    t.notOk(existsSync(join(top, 'early/mounts/data')))
  }
})

t.test('what up can’t do is one line with the remedy', async (t) => {
  const up = (...typed: string[]) =>
    // Without the test runner's own options, by which Node writes where workers may not.
    spawnSync('/usr/bin/env', ['NODE_OPTIONS=', process.execPath, twofold, 'up', ...typed], {
      encoding: 'utf8',
      cwd: '/',
      env: { ...process.env, INIT_CWD: top },
    })
  for (const [typed, status, message] of [
    [['nothing-here'], 2, `there is no directory ${top}/nothing-here`],
    [['data/deep/file.txt'], 2, 'is a file; a disk needs a directory'],
    [['data', '--state', '/dev/null/state'], 4, 'name another one with --state DIR'],
    [['data', '--state', 'data/state'], 8, 'state'],
    [['data', '--listen', 'nowhere'], 2, '--listen'],
    [
      ['data', '--expose', '--listen', '203.0.113.7:0'],
      2,
      'this machine has no such address: choose another',
    ],
    [['data', '--control-socket', '/proc/x'], 2, 'name another one with --control-socket'],
    [['data', '--state', '/proc/x'], 4, 'name another one with --state DIR'],
    [['data', '--state', ''], 2, '--state is empty'],
    [['data', '--alias', 'No'], 2, 'alias'],
  ] as const) {
    const answer = up('--state', join(top, 'errors'), ...args, ...typed)
    t.equal(answer.status, status, `${typed.join(' ')}: ${answer.stderr}`)
    const line = answer.stderr.split('\n').find((one) => one.startsWith('twofold: ')) ?? ''
    t.match(line, message)
    t.notMatch(answer.stderr, /\n {4}at /, 'no stack')
  }
})

t.test('every command answers', async (t) => {
  const offline = await call('status')
  t.equal(offline.status, 9)
  t.match(offline.stderr, /no daemon answers on .*twofold up/)

  const daemon = await startDaemon(data, { state, args: [...args, '--no-mount'] })
  t.teardown(() => daemon.stop())

  t.test('up beside a running daemon adds the directory to it', async (t) => {
    const other = join(top, 'Öther dir')
    mkdirSync(other)
    const joined = await json('up', other, '--no-mount')
    t.equal(joined['bucket'], 'other-dir')
    t.equal(joined['endpoint'], daemon.endpoint)
    const text = (await call('up', other, '--no-mount')).stdout
    t.match(text, 'A daemon was running on this state')
    writeFileSync(join(other, 'a file'), 'shared')
    const [, printed = ''] = /^A link for any browser: (.+)\. More clients/m.exec(text) ?? []
    const { stdout, stderr } = spawnSync('sh', ['-c', printed.replace('FILE', "'a file'")], {
      cwd: '/',
      encoding: 'utf8',
      env: { ...process.env, INIT_CWD: undefined },
    })
    t.match(stdout, /^http/, 'what is printed works in any directory', { printed, stderr })
    const listed = await call('disk', 'list', '--names')
    t.same(listed.stdout.split('\n').sort(), ['', 'data', 'other-dir'], '', { listed })
  })

  t.test('up says what it changes of a disk that is there, and refuses what it can’t change', async (t) => {
    const served = join(top, 'served')
    mkdirSync(served)
    t.same((await json('up', served, '--no-mount'))['changes'], [])
    t.same((await json('up', served, '--no-mount', '--alias', 'other-name'))['changes'], [
      { what: 'alias', from: 'served', to: 'other-name' },
    ])
    const again = await call('up', served, '--no-mount', '--alias', 'served')
    t.match(again.stdout, /^Changed: the bucket is called served now; other-name opens it no more\.$/m)
    t.notMatch((await call('up', served, '--no-mount')).stdout, 'Changed')
    t.match(await call('up', served, '--no-mount', '--alias', 'data'), {
      status: 8,
      stderr: /"data" already/,
    })
    t.match(await call('up', served, '--workers', '7'), {
      status: 8,
      stderr: /^twofold: a daemon runs on .* already, and --workers can't be changed .*--state\n$/,
    })
    t.equal(
      (await call('up', served, '--no-mount', '--workers', '2', '--listen', daemon.endpoint.slice(7))).status,
      0,
    )
  })

  t.test('up says what it changes of a mount', { skip: cannotMount }, async (t) => {
    const served = join(top, 'served')
    const first = await json('up', served)
    t.match(first, { changes: [{ what: 'mountpoint', from: null, to: first['mountpoint'] }] })
    const mountpoint = String(first['mountpoint'])
    t.same((await json('up', served, '--read-only'))['changes'], [
      { what: 'readOnly', from: false, to: true },
    ])
    t.throws(() => writeFileSync(join(mountpoint, 'new'), ''), { code: 'EROFS' })
    t.same((await json('up', served))['changes'], [], 'it stays read-only, since nobody said otherwise')
    t.throws(() => writeFileSync(join(mountpoint, 'new'), ''), { code: 'EROFS' })
    t.same((await json('up', served, '--no-mount'))['changes'], [
      { what: 'mountpoint', from: mountpoint, to: null },
    ])
  })

  t.test('a bucket that can’t be called as its directory is says why', async (t) => {
    for (const [name, bucket, why] of [
      ['ab', 'ab-disk', /"ab" is too short: a bucket's name has 3 to 63 characters/],
      ['My Data', 'my-data', /"My Data" is no bucket's name/],
      ['deep/data', 'data-2', /another disk is called data;/],
    ] as const) {
      const directory = join(top, 'named', name)
      mkdirSync(directory, { recursive: true })
      const text = await call('disk', 'adopt', directory)
      t.match(text.stdout, why)
      t.match(text.stdout, `twofold disk set ${bucket} --alias NAME`)
      t.equal((await call('disk', 'remove', bucket)).status, 0)
      t.match(await json('up', directory, '--no-mount'), { bucket, notes: [why] })
      t.same((await json('up', directory, '--no-mount'))['notes'], [], 'said once')
    }
    const plain = join(top, 'named', 'plain')
    mkdirSync(plain)
    t.same((await json('disk', 'adopt', plain))['notes'], [])
  })

  t.test('what can’t be adopted is named, with the remedy', async (t) => {
    writeFileSync(join(top, 'a file'), '')
    symlinkSync('nowhere', join(top, 'dangling'))
    const own = join(state, 'disks')
    mkdirSync(own, { recursive: true })
    for (const [path, status, message] of [
      [join(top, 'missing'), 2, /there is no directory .*missing: make it first/],
      [join(top, 'a file'), 2, /a file is a file; a disk needs a directory/],
      [join(top, 'a file', 'x'), 2, /leads through a file/],
      [join(top, 'dangling'), 2, /dangling is a symbolic link that leads nowhere/],
      [own, 8, /lies in twofold's own state directory .*: name a directory that is apart from it/],
      [state, 8, /is twofold's own state directory: name/],
      [top, 8, /contains twofold's own state directory/],
      [data, 8, /is disk "data" already: use that one/],
    ] as const) {
      const answer = await call('disk', 'adopt', path)
      t.equal(answer.status, status, path)
      t.match(answer.stderr, message)
      t.match(answer.stderr, /^twofold: [^\n]+\n$/)
    }
    t.match(await call('disk', 'adopt', data, '--alias', 'one', '--no-alias'), { status: 2 })
  })

  t.test('disks', async (t) => {
    const made = await json('disk', 'create', 'scratch', '--tag', 'team=blue', '--empty-directories', 'hide')
    t.match(made, {
      name: 'scratch',
      kind: 'managed',
      tags: { team: 'blue' },
      settings: { emptyDirectories: 'hide' },
    })
    t.match(await call('disk', 'create', 'scratch'), { status: 8, stderr: /scratch/ })
    const changed = await json(
      'disk',
      'set',
      'scratch',
      '--tag',
      'owner=ada',
      '--untag',
      'team',
      '--symlinks',
      'deny',
      '--alias',
      'scrap',
    )
    t.match(changed, { name: 'scrap', settings: { symlinks: 'deny', emptyDirectories: 'hide' } })
    t.same(changed['tags'], { owner: 'ada' })
    t.equal((await call('disk', 'set', 'scrap')).status, 2)
    t.equal((await call('disk', 'set', 'scrap', '--symlinks', 'maybe')).status, 2)
    t.match((await call('disk', 'show', 'scrap')).stdout, /owner=ada/)
    t.match(await call('disk', 'show', 'none'), { status: 3, stderr: /twofold disk list/ })
    t.match(await call('disk', 'remove', 'scrap'), { status: 2, stderr: /--yes/ })
    t.match(await json('disk', 'remove', 'scrap', '--yes'), { removed: made['id'] })
    t.notOk(existsSync(String(made['root'])))

    const kept = join(top, 'kept')
    mkdirSync(kept)
    t.equal((await json('disk', 'adopt', kept, '--no-alias'))['alias'], null)
    t.equal((await call('disk', 'adopt', join(kept, 'nothing'))).status, 2)
    t.equal((await call('disk', 'adopt', state)).status, 8)
    const [id = ''] = /dsk-\w+(?=.*kept$)/m.exec((await call('disk', 'list')).stdout) ?? []
    t.match((await call('disk', 'remove', id)).stdout, kept)
    t.ok(existsSync(kept))
  })

  t.test('users', async (t) => {
    const user = await json('user', 'add', 'data', 'laptop')
    const key = (of: Record<string, unknown>) =>
      [String(of['identifier']), String(of['secretAccessKey'])] as const
    t.equal(await get(daemon, ...key(user)), 200)
    t.match(await call('user', 'add', 'data', 'laptop'), { status: 8, stderr: /user rotate/ })
    const rotated = await json('user', 'rotate', 'data', 'laptop')
    t.equal(await get(daemon, ...key(user)), 403)
    t.equal(await get(daemon, ...key(rotated)), 200)
    t.match((await call('user', 'list', 'data')).stdout, /laptop +TWOF/)
    t.equal((await call('user', 'revoke', 'data', 'laptop')).status, 0)
    t.equal(await get(daemon, ...key(rotated)), 403)
    t.equal((await call('user', 'revoke', 'data', 'laptop')).status, 3)
  })

  t.test('links', async (t) => {
    const { stdout } = await call('share', 'data', join(data, 'deep/file.txt'), '--expires', '60')
    t.equal(await (await fetch(stdout.trim())).text(), 'content')
    t.match(await json('share', 'data', 'deep/file.txt'), { expiresIn: 86400, url: /^http/ })
    t.equal((await call('share', 'data', 'deep/file.txt', '--expires', '9999999')).status, 2)
    t.equal((await call('share', 'data', 'nothing')).status, 3)
    t.match(await call('share', 'data', 'deep'), { status: 3, stderr: /"deep" is a directory/ })
  })

  t.test('a disk that is put offline and online again', async (t) => {
    t.match(await call('disk', 'offline', 'data'), { status: 0, stdout: /^data is offline/ })
    t.match(await json('disk', 'show', 'data'), { status: 'offline', offlineReason: /put offline/ })
    t.match(await call('share', 'data', 'deep/file.txt'), { status: 9, stderr: /twofold disk online data/ })
    t.match(await call('disk', 'online', 'data'), { status: 0, stdout: 'data is served again\n' })
    t.match(await json('disk', 'show', 'data'), { status: 'available' })
    t.equal((await call('disk', 'offline', 'nothing')).status, 3)
  })

  t.test('mounts', { skip: cannotMount }, async (t) => {
    const mountpoint = (await call('mount', 'data')).stdout.trim()
    t.equal(readFileSync(join(mountpoint, 'deep/file.txt'), 'utf8'), 'content')
    t.equal((await call('disk', 'set', 'data', '--alias', 'renamed')).status, 0)
    t.equal(readFileSync(join(mountpoint, 'deep/file.txt'), 'utf8'), 'content', 'a mount stays where it is')
    t.equal((await call('umount', mountpoint)).status, 0)
    t.notOk(existsSync(mountpoint))
    const renamed = (await call('mount', 'renamed')).stdout.trim()
    t.equal(renamed, join(dirname(mountpoint), 'renamed'))
    t.equal((await call('disk', 'set', 'renamed', '--alias', 'data')).status, 0)
    t.equal((await call('umount', 'data')).status, 0)
    t.same(readdirSync(dirname(mountpoint)), [])
    const elsewhere = join(top, 'elsewhere')
    mkdirSync(elsewhere)
    t.match(await json('mount', 'data', elsewhere, '--read-only'), {
      mount: { state: 'mounted', mountpoint: elsewhere, readOnly: true },
    })
    t.match((await call('status')).stdout, elsewhere)
    const user = spawn('sleep', ['60'], { cwd: elsewhere })
    await once(user, 'spawn')
    t.match(await call('umount', 'data'), {
      status: 8,
      stderr: new RegExp(
        `^twofold: ${elsewhere} is in use by .*\\(${user.pid}\\): ${elsewhere}: end that, or`,
      ),
    })
    user.kill()
    await once(user, 'exit')
    t.equal((await call('umount', 'data')).status, 0)
    t.ok(existsSync(elsewhere), 'a directory that was there stays')
    const far = join(top, 'far', 'away')
    t.match(await json('mount', 'data', far), { mount: { state: 'mounted', mountpoint: far } })
    t.equal((await call('umount', 'data')).status, 0)
    t.notOk(existsSync(join(top, 'far')), 'what was made for the mount goes with it')
    t.equal((await call('mount', 'data', far)).status, 0)
    writeFileSync(join(top, 'far', 'note'), '')
    t.equal((await call('umount', 'data')).status, 0)
    t.same(readdirSync(join(top, 'far')), ['note'], 'and nothing that holds anything')
    t.match(await call('umount', 'data'), { status: 8, stderr: /"twofold mount DISK" mounts it/ })
    const brief = await json('disk', 'create', 'brief')
    const shown = (await call('mount', 'brief')).stdout.trim()
    t.ok(existsSync(shown))
    t.match(await json('disk', 'remove', 'brief', '--yes'), { removed: brief['id'] })
    t.notOk(existsSync(shown), 'gone when the command is')
    t.match(await call('umount', elsewhere), { status: 3, stderr: /no disk of this daemon is mounted on/ })
    t.match(await call('mount', 'data', dirname(data)), { status: 8, stderr: /overlaps .*: name another/ })
  })

  t.test('metrics', async (t) => {
    t.match((await call('metrics')).stdout, /^twofold_process_up\{process="primary"\} 1$/m)
  })

  t.test('keys', async (t) => {
    const fresh = await json('key', 'rotate')
    const keys = (await json('key', 'list')) as unknown as { id: string; current: boolean }[]
    t.equal(keys.find(({ current }) => current)?.id, fresh['id'])
    t.not((await call('key', 'retire', String(fresh['id']))).status, 0, 'the current one stays')
    const old = keys.find(({ current }) => !current)?.id ?? ''
    t.equal((await call('key', 'retire', old)).status, 0)
    t.equal(await get(daemon, daemon.accessKeyId, 'x'), 403)
  })

  t.test('doctor', async (t) => {
    const found = (await json('doctor', 'data')) as { checks?: { about: string }[]; clients?: unknown[] }
    const about = new Set(found.checks?.map((check) => check.about))
    for (const name of [
      'FUSE',
      'open files',
      'inotify',
      'xattr',
      'O_TMPFILE',
      'reflink',
      'letter case',
      'names',
    ])
      t.ok(about.has(name), name)
    t.ok((found.clients?.length ?? 0) > 8)
    t.match((await call('doctor', dirname(data))).stdout, /names +\d+ looked at, all UTF-8/)
    t.equal((await call('doctor', 'nothing')).status, 3)

    const odd = join(top, 'odd')
    mkdirSync(join(odd, 'real'), { recursive: true })
    symlinkSync('real', join(odd, 'inward'))
    symlinkSync('none', join(odd, 'lost link'))
    symlinkSync('/etc/hostname', join(odd, 'outward'))
    execFileSync('mkfifo', [join(odd, 'pipe')])
    const foreign = Buffer.concat([Buffer.from(join(odd, "it's $HOME\n")), Buffer.from([0xe9, 0x61])])
    writeFileSync(foreign, '')
    const { checks } = (await json('doctor', odd)) as { checks: { about: string; examples?: string[] }[] }
    const examples = Object.fromEntries(checks.map(({ about, examples }) => [about, examples]))
    t.same(examples['dangling links'], [`'${join(odd, 'lost link')}'`])
    t.same(examples['outward links'], [join(odd, 'outward')])
    t.same(examples['special files'], [join(odd, 'pipe')])
    const [pasted = ''] = examples['names'] ?? []
    const lines = (await call('doctor', odd)).stdout.split('\n').map((line) => line.trim())
    t.ok(lines.includes(pasted), 'on a line of its own')
    for (const shell of ['bash', 'zsh'].filter((one) => spawnSync(one, ['--version']).status === 0))
      t.same(execFileSync(shell, ['-c', `printf %s ${pasted}`]), foreign, shell)
    t.equal((await call('completion', 'bash')).status, 0)
  })
})

t.test('no command was left out', async (t) => {
  const own = ['up', 'serve']
  t.same(
    commands.map(({ name }) => name).filter((name) => !ran.has(name) && !own.includes(name)),
    [],
  )
})
