/**
 * What the processes of a real daemon may still do: read from /proc, and tried from inside of a worker that somebody
 * has taken over. And that workers with another domain take the place of the old ones without a dropped request.
 */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { Agent, get as httpGet, type IncomingMessage } from 'node:http'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { Client } from '../../daemon/cli/client.ts'
import { workerUid } from '../../daemon/processes/worker-user.ts'
import { landlockAbi } from '../../lib/sys/landlock.ts'
import type { StatusView } from '../../daemon/control/schema.ts'
import { startDaemon, twofold, type Daemon, type DaemonOptions } from '../fixtures/daemon.ts'
import type { Deed } from '../fixtures/forbidden-deeds.ts'
import { send, sign, type Door } from '../fixtures/s3.ts'
import { until } from '../fixtures/until.ts'

const isRoot = process.getuid?.() === 0
const skip = landlockAbi() >= 6 ? false : 'needs Landlock of ABI 6'
const rootOnly = isRoot ? skip : 'needs root'
const loopOnly =
  isRoot && existsSync('/dev/loop-control') && spawnSync('mkfs.ext4', ['-V']).status === 0
    ? skip
    : 'needs root, loop devices and mkfs.ext4'

const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'twofold-confined-')))
t.teardown(() => rmSync(scratch, { recursive: true, force: true }))
chmodSync(scratch, 0o711)
const preload = fileURLToPath(new URL('../fixtures/taken-over-worker.js', import.meta.url))

let count = 0
async function start(t: Test, options: DaemonOptions = {}) {
  const place = join(scratch, String(++count))
  const data = join(place, 'data')
  mkdirSync(data, { recursive: true })
  mkdirSync(join(place, 'voices'))
  writeFileSync(join(data, 'hello.txt'), 'hello')
  if (options.user !== undefined) spawnSync('chown', ['-R', `${options.user}:${options.user}`, place])
  const daemon = await startDaemon(data, {
    state: join(place, 'state'),
    env: { NODE_OPTIONS: `--import ${preload}`, NODE_TAKEN_OVER: join(place, 'voices') },
    ...options,
    args: ['--listen', '127.0.0.1:0', '--no-mount', ...(options.args ?? [])],
  })
  t.teardown(() => daemon.stop())
  const control = new Client(join(daemon.state, 'control.sock'))
  return { place, data, daemon, control }
}

const get = (door: Door, key = 'hello.txt', agent = new Agent({ keepAlive: false })) =>
  send(door.endpoint, sign(door, { key }), agent)

const workersOf = ({ processes }: Pick<StatusView, 'processes'>, state = 'ready'): number[] =>
  processes
    .filter((one) => one.role === 'worker' && one.state === state)
    .flatMap(({ pid }) => (pid === null ? [] : [pid]))
const pidsOf = async (control: Client, state = 'ready'): Promise<number[]> =>
  workersOf(await control.ask('status'), state)

/** Asked as the user whose daemon it is: root trusts nobody else's socket. */
function statusAs(user: number, daemon: Daemon): StatusView {
  const args = [twofold, 'status', '--json', '--state', daemon.state]
  const env = { PATH: process.env['PATH'], HOME: '/nonexistent' }
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    uid: user,
    gid: user,
    env,
    encoding: 'utf8',
  })
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout) as StatusView
}

const statusOf = (pid: number, name: string): string | undefined =>
  new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]

/** A new disk of a directory that no worker's domain has, and a user of it. */
async function adopt(control: Client, daemon: Daemon, root: string): Promise<Door> {
  mkdirSync(root, { recursive: true })
  writeFileSync(join(root, 'hello.txt'), 'hello')
  return doorOf(control, daemon, (await control.ask('createDisk', {}, { root })).diskId)
}

async function doorOf(control: Client, daemon: Daemon, id: string): Promise<Door> {
  const user = await control.ask('addUser', { id }, { nickname: 'tester' })
  return {
    ...daemon,
    bucket: id,
    accessKeyId: user.identifier,
    secretAccessKey: user.secretAccessKey,
  }
}

/** Does things as the worker `pid`: what the kernel said to each. */
async function takeOver(t: Test, place: string, pid: number) {
  const socket = connect(join(place, 'voices', String(pid)))
  await once(socket, 'connect')
  t.teardown(() => socket.destroy())
  const answers: ((what: string) => void)[] = []
  createInterface({ input: socket }).on('line', (line) => {
    const said = JSON.parse(line) as { type: string; what: string }
    if (said.type === 'attempted') answers.shift()?.(said.what)
  })
  return (deed: Deed) =>
    new Promise<string>((resolve) => {
      answers.push(resolve)
      socket.write(`${JSON.stringify({ type: 'attempt', deed })}\n`)
    })
}

t.test('S3 workers of root are a user of their own', { skip: rootOnly }, async (t) => {
  const { daemon, control } = await start(t)
  const pids = await pidsOf(control)
  t.equal(pids.length, 2)
  for (const pid of pids) {
    const ids = (id: number) => [id, id, id, id].join('\t')
    t.equal(statusOf(pid, 'Uid'), ids(workerUid))
    t.equal(statusOf(pid, 'Gid'), ids(workerUid))
    t.equal(statusOf(pid, 'Groups'), '')
    // CAP_DAC_READ_SEARCH
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      t.equal(statusOf(pid, set), '0000000000000004', set)
    t.equal(statusOf(pid, 'NoNewPrivs'), '1')
  }
  t.equal((await get(daemon)).status, 200)
})

t.test('S3 workers run as whom the setting names', { skip: rootOnly }, async (t) => {
  const { daemon, control } = await start(t, { args: ['--worker-user', '4001:4002'] })
  for (const pid of await pidsOf(control)) {
    t.match(statusOf(pid, 'Uid'), /^4001\t4001/)
    t.match(statusOf(pid, 'Gid'), /^4002\t4002/)
  }
  t.equal((await get(daemon)).status, 200)
  await t.rejects(start(t, { args: ['--worker-user', 'nobody-at-all'] }), {
    message: /has no account .*nobody-at-all/,
  })
})

async function tryAll(t: Test, place: string, data: string, daemon: Daemon, status: StatusView) {
  const [pid = 0, brother = 0] = workersOf(status)
  const attempt = await takeOver(t, place, pid)
  writeFileSync(join(place, 'beside'), 'not served', { mode: 0o644 })
  const file = join(data, 'hello.txt')
  t.equal(await attempt({ name: 'read', path: file }), 'done', 'what it serves, it reads')
  t.equal(await attempt({ name: 'list', path: data }), 'done')
  const controlPid = status.processes.find(({ role }) => role === 'control')?.pid ?? 0
  const refused: Deed[] = [
    '/etc/shadow',
    '/etc/passwd',
    '/root/.bashrc',
    '/etc/hostname',
    join(daemon.state, 'keyring.json'),
    join(daemon.state, 'level/CURRENT'),
    join(place, 'beside'),
    join(data, '../beside'),
    '/dev/fuse',
    '/dev/sda',
    `/proc/${daemon.pid}/environ`,
    `/proc/${daemon.pid}/maps`,
    `/proc/${daemon.pid}/fd/2`,
    `/proc/${daemon.pid}/root/etc/passwd`,
    `/proc/${controlPid}/environ`,
    `/proc/self/root/etc/passwd`,
    `/proc/1/cwd/etc/passwd`,
  ].map((path) => ({ name: 'read', path }))
  refused.push(
    ...[daemon.state, join(daemon.state, 'level'), place, '/', '/root', '/etc', '/home', '/tmp'].map(
      (path): Deed => ({ name: 'list', path }),
    ),
    { name: 'write', path: file },
    { name: 'truncate', path: file },
    { name: 'unlink', path: file },
    { name: 'create', path: join(data, 'new') },
    { name: 'mkdir', path: join(data, 'new') },
    { name: 'create', path: join(daemon.state, 'disks/new') },
    { name: 'create', path: '/tmp/twofold-taken-over' },
    { name: 'create', path: '/dev/shm/twofold-taken-over' },
    { name: 'write', path: `/proc/${daemon.pid}/mem` },
    { name: 'write', path: `/proc/${daemon.pid}/oom_score_adj` },
    { name: 'mount', path: data },
    { name: 'chmod', path: file },
    { name: 'chown', path: file },
    { name: 'utime', path: file },
    { name: 'setxattr', path: file },
    { name: 'byHandle', path: join(daemon.state, 'keyring.json') },
    { name: 'connectUnix', path: join(daemon.state, 'control.sock') },
    { name: 'sendUdp', port: 9 },
    { name: 'trace', pid: daemon.pid },
    { name: 'trace', pid: controlPid },
    { name: 'signal', pid: daemon.pid },
    { name: 'signal', pid: controlPid },
    { name: 'signal', pid: brother },
  )
  for (const deed of refused)
    t.match(
      await attempt(deed),
      /^(?:EACCES|EPERM|ENOENT)$/,
      `${deed.name} ${deed.path ?? ''}${deed.pid ?? ''}`,
    )

  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  t.match(await attempt({ name: 'connectTcp', port }), /^(?:EACCES|EPERM)$/)
  server.close()
  const abstract = `\0twofold-confined-${process.pid}`
  const other = createServer((socket) => socket.destroy()).listen({ path: abstract })
  await once(other, 'listening')
  t.equal(await attempt({ name: 'connectUnix', path: abstract }), 'EPERM')
  other.close()
  t.equal((await get(daemon)).status, 200, 'it serves on')
  return attempt
}

t.test('who takes over a worker of root', { skip: rootOnly }, async (t) => {
  const { place, data, daemon, control } = await start(t)
  const attempt = await tryAll(t, place, data, daemon, await control.ask('status'))
  t.equal(await attempt({ name: 'setuid' }), 'EPERM')
})

t.test('who takes over a worker of an ordinary user', { skip: rootOnly }, async (t) => {
  const { place, data, daemon } = await start(t, { user: 4001 })
  const status = statusAs(4001, daemon)
  for (const pid of workersOf(status)) {
    t.match(statusOf(pid, 'Uid'), /^4001\t4001/)
    t.equal(statusOf(pid, 'CapEff'), '0000000000000000')
    t.equal(statusOf(pid, 'NoNewPrivs'), '1')
  }
  await tryAll(t, place, data, daemon, status)
})

t.test('disks that are added while clients read', { skip }, async (t) => {
  const { place, data, daemon, control } = await start(t)
  writeFileSync(join(data, 'big'), Buffer.alloc(64 * 1024 * 1024, 7))
  const before = await pidsOf(control)
  const agents = Array.from({ length: 8 }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
  t.teardown(() => agents.forEach((agent) => agent.destroy()))
  let over = false
  let answered = 0
  const wrong: unknown[] = []
  const reading = agents.map(async (agent) => {
    while (!over)
      await get(daemon, 'hello.txt', agent).then(
        ({ status }) => (status === 200 ? answered++ : wrong.push(status)),
        (error: unknown) => wrong.push(error),
      )
  })
  // A download that isn't read to its end keeps its worker.
  const signed = sign(daemon, { key: 'big' })
  const held = httpGet(new URL(signed.target, daemon.endpoint), { headers: signed.headers, agent: false })
  const [answer] = (await once(held, 'response')) as [IncomingMessage]
  answer.once('data', () => answer.pause())

  for (let i = 0; i < 5; i++) {
    const door = await adopt(control, daemon, join(place, `disk-${i}`))
    for (let j = 0; j < 4; j++) t.equal((await get(door)).status, 200, 'served as soon as it is there')
  }
  const user = await control.ask('addUser', { id: daemon.disk }, { nickname: 'short-lived' })
  const leaving = await pidsOf(control, 'stopping')
  t.ok(leaving.length >= 1, 'who sends the download is still there')
  const revoked = { ...daemon, accessKeyId: user.identifier, secretAccessKey: user.secretAccessKey }
  t.equal((await get(revoked)).status, 200)
  await control.ask('revokeUser', { id: daemon.disk, type: 's3' }, { identifier: 'short-lived' })
  for (let j = 0; j < 4; j++) t.equal((await get(revoked)).status, 403)

  over = true
  await Promise.all(reading)
  t.same(wrong, [], 'no request was dropped')
  t.ok(answered > 100)
  const after = await pidsOf(control)
  t.notOk(after.some((pid) => before.includes(pid)))

  let bytes = 0
  answer.on('data', (chunk: Buffer) => (bytes += chunk.length)).resume()
  await once(answer, 'end')
  t.ok(bytes > 60 * 1024 * 1024, 'the download comes to its end')
  agents.forEach((agent) => agent.destroy())
  await until('the old ones are gone', async () => (await pidsOf(control, 'stopping')).length === 0)

  const { diskId } = await control.ask('createDisk', {}, { name: 'managed' })
  await doorOf(control, daemon, diskId)
  t.same(await pidsOf(control), after, 'a managed disk needs no other workers')
})

t.test('a file system that was mounted again', { skip: loopOnly }, async (t) => {
  const { place, daemon, control } = await start(t)
  const image = join(place, 'image')
  const root = join(place, 'mounted')
  const run = (command: string, ...args: string[]) => {
    const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
    if (status !== 0) throw new Error(`${command}: ${stderr}`)
  }
  run('truncate', '-s', '16M', image)
  run('mkfs.ext4', '-q', image)
  mkdirSync(root)
  run('mount', '-o', 'loop', image, root)
  t.teardown(() => spawnSync('umount', ['--lazy', root]))
  const door = await adopt(control, daemon, join(root, 'disk'))
  t.equal((await get(door)).status, 200)
  run('umount', '--lazy', root)
  // Each worker lets go of it when it sees that it is gone.
  for (let i = 0; i < 20; i++) t.equal((await get(door)).status, 503, 'it is away')
  run('mount', '-o', 'loop', image, root)
  const seen = new Set<number>()
  await until('every worker serves it again', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => get(door)))
    for (const { status } of answers) seen.add(status)
    return answers.every(({ status }) => status === 200)
  })
  t.same(
    [...seen].filter((status) => status !== 503 && status !== 200),
    [],
    'unavailable until then',
  )
})
