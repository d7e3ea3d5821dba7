/**
 * What two ordinary users of a machine try against a daemon that root runs there, beyond names (hostile-names.ts): its
 * files and sockets, its mount, its processes, its terminal. Each case does what is forbidden and sees it refused.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  readSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { Client } from '../../daemon/cli/client.ts'
import { readConfigFile } from '../../lib/config.ts'
import { startDaemon, twofold, type Daemon } from '../fixtures/daemon.ts'
import { exchange, request } from '../fixtures/raw-http.ts'
import { send, sign, type Door } from '../fixtures/s3.ts'

const [alice, bob] = [4001, 4002] as const
const skip =
  process.getuid?.() !== 0
    ? 'needs root, to be two others'
    : existsSync('/dev/fuse')
      ? false
      : 'needs /dev/fuse'

const top = realpathSync(mkdtempSync(join(tmpdir(), 'twofold-neighbours-')))
t.teardown(() => rmSync(top, { recursive: true, force: true }))
chmodSync(top, 0o755)

interface Said {
  readonly status: number | null
  readonly text: string
}
/** A command that `user` runs. */
function as(user: number, command: string, ...args: readonly string[]): Said {
  const { status, stdout, stderr } = spawnSync(command, args, {
    uid: user,
    gid: user,
    cwd: '/',
    env: { PATH: process.env['PATH'], HOME: '/nonexistent' },
    encoding: 'utf8',
    timeout: 30_000,
  })
  return { status, text: stdout + stderr }
}
const sh = (user: number, line: string): Said => as(user, 'sh', '-c', line)
/** The command line of `user`, asking this daemon. */
const cli = (user: number, ...args: readonly string[]): Said =>
  as(user, process.execPath, twofold, ...args, '--state', daemon.state)

let daemon: Daemon
let control: Client
let mountpoint = ''
const data = join(top, 'data')
const fetched = async (door: Door, key: string) =>
  (await send(door.endpoint, sign(door, { key }), new Agent({ keepAlive: false }))).status

t.before(async () => {
  if (skip !== false) return
  mkdirSync(data)
  writeFileSync(join(data, 'hello.txt'), 'hello')
  writeFileSync(join(data, 'secret'), "root's own", { mode: 0o600 })
  mkdirSync(join(data, 'open'))
  chmodSync(join(data, 'open'), 0o1777)
  daemon = await startDaemon(data, {
    state: join(top, 'state'),
    args: ['--listen', '127.0.0.1:0', '--workers', '1', '--log-format', 'text', '--alias', 'data'],
  })
  control = new Client(join(daemon.state, 'control.sock'))
  mountpoint = daemon.mountpoint ?? ''
  t.teardown(() => daemon.stop())
})

const pidOf = async (role: string, disk?: string): Promise<number> => {
  for (;;) {
    const { processes } = await control.ask('status')
    const found = processes.find(
      (one) => one.role === role && one.state === 'ready' && (disk === undefined || one.diskId === disk),
    )
    if (found?.pid != null) return found.pid
    await pause(50)
  }
}

t.test('the state of root’s daemon', { skip }, async (t) => {
  t.test('holds nothing that another user can read, list or lock', async (t) => {
    const names = readdirSync(daemon.state)
    t.ok(names.includes('keyring.json') && names.includes('level') && names.includes('run'), String(names))
    for (const name of names) {
      const path = join(daemon.state, name)
      const read = lstatSync(path).isDirectory() ? ['ls', path] : ['cat', path]
      // What users walk through to their mounts has names in it, and no more.
      if (name !== 'mounts') t.not(as(bob, 'timeout', '5', ...read).status, 0, `${read.join(' ')}`)
      t.not(as(bob, 'touch', join(path, 'new')).status, 0, `make a file in ${name}`)
      t.not(as(bob, 'mv', path, `${path}.old`).status, 0, `rename ${name}`)
    }
    t.not(as(bob, 'ls', daemon.state).status, 0)
    t.not(as(bob, 'flock', '-n', join(daemon.state, 'lock'), 'true').status, 0, 'keep the next daemon out')
    t.not(as(bob, 'flock', '-n', daemon.state, 'true').status, 0)
  })

  t.test('has sockets that nobody else speaks to', async (t) => {
    const { status, text } = cli(bob, 'status')
    t.equal(status, 4)
    t.match(text, /^twofold: .*another user's: call twofold as the user who runs the daemon/)
    for (const args of [
      ['umount', 'data'],
      ['user', 'add', 'data', 'bob'],
      ['key', 'rotate'],
      ['share', 'data', 'secret'],
    ])
      t.equal(cli(bob, ...args).status, 4, args.join(' '))
  })

  t.test('is not that of a second daemon, whoever starts it', async (t) => {
    t.equal(cli(bob, 'serve').status, 4)
    const second = spawnSync(process.execPath, [twofold, 'serve', '--state', daemon.state], {
      encoding: 'utf8',
    })
    t.not(second.status, 0)
    t.match(second.stderr, /a daemon \(pid \d+\) runs on/)
  })

  t.test('is refused with a link of somebody’s where the sockets of disks would be', async (t) => {
    const given = join(top, 'given')
    const victim = join(top, 'victim')
    mkdirSync(victim, { mode: 0o755 })
    mkdirSync(given, { mode: 0o711 })
    chownSync(given, alice, alice)
    t.equal(sh(alice, `ln -s ${victim} ${given}/run`).status, 0)
    chownSync(given, 0, 0)
    const { status, stderr } = spawnSync(
      process.execPath,
      [twofold, 'serve', '--state', given, '--listen', '127.0.0.1:0'],
      { encoding: 'utf8', timeout: 20_000 },
    )
    t.equal(status, 4)
    t.match(stderr, /run is a symbolic link of user 4001/)
    t.equal(statSync(victim).mode & 0o777, 0o755, 'nothing is done to what it leads to')
  })
})

t.test('a configuration file', { skip }, async (t) => {
  const open = join(top, 'sticky')
  mkdirSync(open)
  chmodSync(open, 0o1777)

  t.test('that is a pipe of somebody’s is refused, and not waited for', async (t) => {
    t.equal(as(alice, 'mkfifo', join(open, 'pipe')).status, 0)
    const { status, text } = as(0, process.execPath, twofold, 'status', '--config', join(open, 'pipe'))
    t.match({ status, text }, { status: 4, text: /pipe belongs to user 4001/ })
  })

  t.test('that comes and goes is never read while it is somebody else’s', async (t) => {
    const path = join(open, 'config.json')
    const line = `while :; do echo '{"state":"/evil"}' > ${path}; rm ${path}; done`
    const child = spawn('sh', ['-c', line], { uid: alice, gid: alice, stdio: 'ignore' })
    t.teardown(() => child.kill('SIGKILL'))
    let seen = 0
    for (const until = Date.now() + 1_500; Date.now() < until;) {
      let written = {}
      try {
        written = readConfigFile(path, false)
      } catch {
        seen++
      }
      if ('state' in written) {
        t.fail('it was read')
        break
      }
    }
    child.kill('SIGKILL')
    await once(child, 'exit')
    t.ok(seen > 0, `it was there ${seen} times`)
  })
})

t.test('in the mount', { skip }, async (t) => {
  t.test('root’s programs give nobody root’s rights', async (t) => {
    copyFileSync('/usr/bin/id', join(data, 'id'))
    chmodSync(join(data, 'id'), 0o4755)
    const { status, text } = as(alice, join(mountpoint, 'id'), '-u')
    t.match({ status, text }, { status: 0, text: /^4001/ })
  })

  t.test('a device is no device', async (t) => {
    t.equal(spawnSync('mknod', ['-m', '666', join(data, 'zero'), 'c', '1', '5']).status, 0)
    t.match(as(alice, 'head', '-c', '1', join(mountpoint, 'zero')), { status: 1, text: /denied/ })
  })

  t.test('a file that root has open is root’s all the same', async (t) => {
    const held = openSync(join(mountpoint, 'secret'), 'r+')
    t.teardown(() => closeSync(held))
    readSync(held, Buffer.alloc(4))
    writeSync(held, 'r', 0)
    t.not(as(alice, 'cat', join(mountpoint, 'secret')).status, 0)
    t.not(sh(alice, `echo x >> ${mountpoint}/secret`).status, 0)
    t.not(as(alice, 'cat', `/proc/${process.pid}/fd/${held}`).status, 0)
    t.not(as(alice, 'ln', join(mountpoint, 'secret'), join(mountpoint, 'open/mine')).status, 0)
  })

  t.test('capabilities are nobody’s to give', async (t) => {
    t.equal(as(alice, 'cp', '/usr/bin/id', join(mountpoint, 'open/program')).status, 0)
    const give =
      'import os; os.setxattr("$0", "security.capability", bytes.fromhex("0100000200000000000000000000000000000000"))'
    t.not(sh(alice, `python3 -c '${give.replace('$0', join(mountpoint, 'open/program'))}'`).status, 0)
    t.not(as(alice, 'chown', '0', join(mountpoint, 'open/program')).status, 0)
  })

  t.test('who uses it can’t write to root’s terminal by a name', async (t) => {
    const name = '\u001b]0;obey\u0007\u001b[2J'
    const place = join(mountpoint, 'open', name)
    t.equal(as(alice, 'mkdir', place).status, 0)
    const child = spawn('sleep', ['60'], { uid: alice, gid: alice, cwd: place, stdio: 'ignore', argv0: name })
    t.teardown(() => child.kill('SIGKILL'))
    await once(child, 'spawn')
    const { status, text } = cli(0, 'umount', 'data')
    child.kill('SIGKILL')
    t.not(status, 0)
    t.match(text, /in use by sleep .*\\u001b\]0;obey\\u0007/)
    t.notMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f]/)
  })
})

t.test('a directory of somebody’s that root adopted', { skip }, async (t) => {
  const home = join(top, 'alice')
  mkdirSync(home)
  chownSync(home, alice, alice)
  sh(alice, `mkdir ${home}/photos; echo hers > ${home}/photos/file`)
  const secret = join(top, 'private')
  mkdirSync(secret, { mode: 0o700 })
  writeFileSync(join(secret, 'file'), "root's own")
  const { diskId: id } = await control.ask('createDisk', {}, { root: join(home, 'photos'), name: 'photos' })
  const user = await control.ask('addUser', { id }, { nickname: 'tester' })
  const door: Door = {
    ...daemon,
    bucket: 'photos',
    accessKeyId: user.identifier,
    secretAccessKey: user.secretAccessKey,
  }
  t.equal(await fetched(door, 'file'), 200)

  for (const [what, line] of [
    ['a link to what is root’s', `ln -s ${secret} photos`],
    ['a link to the state of the daemon', `ln -s ${daemon.state} photos`],
    ['a directory of the same names', 'mkdir photos; echo other > photos/file'],
    ['a file', 'echo no directory > photos'],
    ['nothing', 'true'],
  ] as const)
    t.test(`is offline while she has put in its place ${what}`, async (t) => {
      t.equal(sh(alice, `cd ${home} && mv photos away && ${line}`).status, 0)
      for (const key of ['file', 'keyring.json']) t.equal(await fetched(door, key), 503, key)
      t.match(cli(0, 'mount', 'photos'), { status: /[1-9]/, text: /photos/ })
      t.equal(sh(alice, `cd ${home} && rm -rf photos && mv away photos`).status, 0)
      t.equal(await fetched(door, 'file'), 200)
    })

  t.test('shows nothing by hard links, pipes and sockets in it that root may read alone', async (t) => {
    sh(alice, `cd ${home}/photos && mkfifo pipe && ln ${data}/secret hard; true`)
    t.not(await fetched(door, 'pipe'), 200)
    t.not(await fetched(door, 'hard'), 200)
  })
})

t.test('a worker', { skip }, async (t) => {
  t.test('can’t be signalled, traced or looked into by another user', async (t) => {
    for (const role of ['worker', 'control', 'mount']) {
      const pid = await pidOf(role)
      t.not(as(bob, 'kill', '-9', String(pid)).status, 0, role)
      for (const name of ['environ', 'maps', 'mem', 'fd/2', 'root/etc/passwd'])
        t.not(as(bob, 'cat', `/proc/${pid}/${name}`).status, 0, `${role} ${name}`)
      t.equal(await pidOf(role), pid)
    }
  })

  t.test('holds no file open for writing but its log and a lock that is no daemon’s', async (t) => {
    const pid = await pidOf('worker')
    const open = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      const flags = /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1] ?? '0'
      const writes = (Number.parseInt(flags, 8) & 3) !== 0 && Number(fd) > 2
      const path = spawnSync('readlink', [`/proc/${pid}/fd/${fd}`], { encoding: 'utf8' }).stdout.trim()
      return writes &&
        path.startsWith('/') &&
        path !== '/dev/null' &&
        path !== join(daemon.state, 'lock.children')
        ? [path]
        : []
    })
    t.same(open, [])
  })

  t.test('writes nothing to root’s log that a terminal obeys', async () => {
    const port = Number(new URL(daemon.endpoint).port)
    const evil = '\u001b]0;obey\u0007'
    const fields = [
      ['Host', '127.0.0.1'],
      ['User-Agent', evil],
      ['X-Request-Id', evil],
      [
        'Authorization',
        `AWS4-HMAC-SHA256 Credential=${evil}/20260101/local/s3/aws4_request, SignedHeaders=host, Signature=00`,
      ],
    ] as const
    await exchange(port, [request('GET', '/data/%1b%5d0;obey%07%0aevil', fields)])
    await exchange(port, [request('GET', '/-/s/%1b%5d0;obey%07/x', fields)])
    await exchange(port, [request('\u009b2J', '/', fields)])
    await fetched(daemon, '\u001b]0;obey\u0007\n\u009b2J\u202e')
    while (!daemon.log().includes('obey')) await pause(20)
    t.notMatch(daemon.log(), /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
  })
})

t.test('at the S3 door', { skip }, async (t) => {
  const port = Number(new URL(daemon.endpoint).port)
  const ask = (method: string, target: string, fields: readonly (readonly [string, string])[] = []) =>
    exchange(port, [request(method, target, [['Host', '127.0.0.1'], ...fields])], { head: method === 'HEAD' })

  t.test('no page of another origin is let read anything', async (t) => {
    const { url } = await control.ask('share', { id: 'data' }, { key: 'hello.txt' })
    const origin = [
      ['Origin', 'http://evil.test'],
      ['Access-Control-Request-Method', 'GET'],
      ['Cookie', 'a=b'],
    ] as const
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'POST'])
      for (const target of ['/', '/data/hello.txt', '/-/health', '/-/nothing', new URL(url).pathname]) {
        const { headers, status } = await ask(method, target, origin)
        t.ok(status > 0)
        t.same(
          [...headers.keys()].filter((name) => /^access-control|^set-cookie/.test(name)),
          [],
          `${method} ${target}`,
        )
      }
  })

  t.test('a link with any of its bits turned opens nothing', async (t) => {
    const { url } = await control.ask('share', { id: 'data' }, { key: 'hello.txt' })
    const [, , , token = '', name = ''] = new URL(url).pathname.split('/')
    t.equal((await ask('GET', `/-/s/${token}/${name}`)).status, 200)
    const bytes = Buffer.from(token, 'base64url')
    const opened: number[] = []
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const turned = Buffer.from(bytes)
      turned[bit >> 3]! ^= 1 << (bit & 7)
      const { status } = await ask('GET', `/-/s/${turned.toString('base64url')}/${name}`)
      if (status < 400 || status >= 500) opened.push(bit)
    }
    t.same(opened, [])
    for (const other of [
      'secret',
      'hello.txt/',
      './hello.txt',
      'open/../hello.txt',
      'hello.txt%00',
      'HELLO.TXT',
    ])
      t.not((await ask('GET', `/-/s/${token}/${other}`)).status, 200, other)
    for (const length of [0, 1, 17, bytes.length - 1])
      t.not((await ask('GET', `/-/s/${bytes.subarray(0, length).toString('base64url')}/${name}`)).status, 200)
    t.not(
      (await ask('GET', `/-/s/${Buffer.concat([bytes, bytes]).toString('base64url')}/${name}`)).status,
      200,
    )
  })

  t.test('what our processes say to each other is asked of nobody outside', async (t) => {
    t.equal((await ask('GET', '/-/beat')).status, 404)
    const signed = sign(daemon, { key: 'hello.txt' })
    const fields = Object.entries({ ...signed.headers, 'X-Twofold-Version': '9007199254740991' })
    t.equal(
      (await exchange(port, [request('GET', signed.target, fields)])).status,
      200,
      'it waits for no version',
    )
  })
})
