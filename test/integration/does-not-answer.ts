/** File systems that don't answer, and everybody who has nothing to do with them. The daemons behind them are stopped. */
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readdirSync, readFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Client } from '../../daemon/cli/client.ts'
import { startDaemon, type Daemon } from '../fixtures/daemon.ts'
import { hungFilesystem } from '../fixtures/hung-filesystem.ts'
import { s3, send, sign, type Door, type S3Response } from '../fixtures/s3.ts'
import { until } from '../fixtures/until.ts'

const noFuse = existsSync('/dev/fuse') && process.getuid?.() === 0 ? false : 'needs /dev/fuse and root'

const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'twofold-silent-')))
t.teardown(() => rmSync(scratch, { recursive: true, force: true }))
function newDirectory(name: string): string {
  const path = join(scratch, name)
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'hello.txt'), 'hello')
  return path
}

t.test(
  'what is mounted in a root or reached by a link and does not answer is not asked',
  { skip: noFuse },
  async (t) => {
    const data = newDirectory('data')
    const hosted = newDirectory('hosted')
    for (const directory of ['data/inner', 'data/sub/inner', 'outside'])
      mkdirSync(join(scratch, directory), { recursive: true })
    symlinkSync(join(scratch, 'outside'), join(data, 'out'))
    symlinkSync('inner', join(data, 'in'))
    symlinkSync('inner/hello.txt', join(data, 'file'))
    const hung = await Promise.all(
      ['data/inner', 'data/sub/inner', 'outside'].map((at) => hungFilesystem(hosted, join(scratch, at))),
    )
    const daemon = await startDaemon(data, {
      args: ['--no-mount', '--listen', '127.0.0.1:0', '--workers', '1'],
    })
    t.teardown(async () => {
      await daemon.stop()
      for (const one of hung) await one.end()
    })
    for (const one of hung) one.stop()
    for (const key of [
      'inner',
      'inner/',
      'inner/hello.txt',
      'sub/inner/hello.txt',
      'in/hello.txt',
      'file',
      'out',
      'out/hello.txt',
    ])
      t.equal((await s3(daemon, { key })).status, 404, key)
    const listed = async (query: Record<string, string>) => {
      const text = (await s3(daemon, { query: { 'list-type': '2', ...query } })).body.toString()
      return [...text.matchAll(/<(?:Key|CommonPrefixes><Prefix)>([^<]+)</g)].map(([, key]) => key)
    }
    t.same(await listed({}), ['hello.txt', 'sub/'])
    t.same(await listed({ delimiter: '/' }), ['hello.txt', 'sub/'])
    t.same(await listed({ prefix: 'inner/' }), [])
    t.same(await listed({ prefix: 'in' }), [])
    t.same(await listed({ prefix: 'sub/', delimiter: '/' }), ['sub/'])
    t.equal((await s3(daemon, { key: 'hello.txt' })).body.toString(), 'hello')
  },
)

/** A daemon with a local disk, and one whose root is a FUSE mount that the test stops. */
async function withHungDisk(t: Test, name: string, args: readonly string[] = []) {
  const data = newDirectory(`${name}/data`)
  const hosted = newDirectory(`${name}/hosted`)
  const root = join(scratch, name, 'root')
  mkdirSync(root)
  const hung = await hungFilesystem(hosted, root)
  const daemon = await startDaemon(data, {
    args: ['--no-mount', '--listen', '127.0.0.1:0', '--answer-timeout', '3s', ...args],
  })
  t.teardown(async () => {
    await daemon.stop().finally(() => hung.end())
  })
  const control = new Client(join(daemon.state, 'control.sock'))
  const { diskId } = await control.ask('createDisk', {}, { root, name })
  const user = await control.ask('addUser', { id: diskId }, { nickname: 'test' })
  const door: Door = {
    ...daemon,
    bucket: name,
    accessKeyId: user.identifier,
    secretAccessKey: user.secretAccessKey,
  }
  return { daemon, control, hosted, hung, door, diskId }
}

/** Over a connection of its own, so that each worker gets its part. */
const get = (door: Door, key = 'hello.txt'): Promise<S3Response> =>
  send(door.endpoint, sign(door, { key }), new Agent({ keepAlive: false }))

const processesOf = async (control: Client, role: string) =>
  (await control.ask('status')).processes.filter((one) => one.role === role)

t.test('a disk on FUSE is served by a process of its own, as any other', { skip: noFuse }, async (t) => {
  const { daemon, control, hosted, door, diskId } = await withHungDisk(t, 'far')
  writeFileSync(join(hosted, 'big.bin'), Buffer.alloc(5_000_000, 'big'))
  mkdirSync(join(hosted, 'sub'))
  const whole = await get(door)
  t.equal(whole.status, 200)
  t.equal(whole.body.toString(), 'hello')
  const tag = String(whole.headers['etag'])
  t.match(whole.headers, { 'content-length': '5', 'content-type': 'text/plain', server: 'Twofold' })
  t.equal((await s3(door, { key: 'hello.txt', method: 'HEAD' })).headers['etag'], tag)
  t.match(await s3(door, { key: 'hello.txt', method: 'HEAD' }), {
    status: 200,
    headers: { 'content-length': '5' },
  })
  t.equal((await s3(door, { key: 'hello.txt', headers: { 'if-none-match': tag } })).status, 304)
  const part = await s3(door, { key: 'hello.txt', headers: { range: 'bytes=1-2' } })
  t.match([part.status, part.body.toString(), part.headers['content-range']], [206, 'el', 'bytes 1-2/5'])
  t.equal((await get(door, 'big.bin')).body.length, 5_000_000)
  const none = await s3(door, { key: 'none', headers: { 'x-request-id': 'my-own' } })
  t.equal(none.status, 404)
  t.equal(none.headers['x-amz-request-id'], 'my-own')
  t.match(none.body.toString(), /<Code>NoSuchKey<.*<RequestId>my-own</)
  const listing = (await s3(door, { query: { 'list-type': '2' } })).body.toString()
  t.match(listing, /<Key>big.bin<.*<Key>hello.txt<.*<Key>sub\/</)
  t.equal((await s3(door, { method: 'HEAD' })).status, 200)
  t.equal((await s3(door, { query: { location: '' } })).status, 200)
  t.equal((await s3({ ...door, secretAccessKey: 'wrong' }, { key: 'hello.txt' })).status, 403)
  const body = await s3(door, { key: 'hello.txt', body: 'a body that nobody reads' })
  t.equal(body.body.toString(), 'hello')

  const { url } = await control.ask('share', { id: diskId }, { key: 'hello.txt' })
  const shared = await fetch(url)
  t.match([shared.status, await shared.text(), shared.headers.get('etag')], [200, 'hello', tag])
  // Known to the worker that passes the request on, and so to the process that it is passed on to.
  for (let round = 0; round < 20; round++) {
    const made = await control.ask('addUser', { id: diskId }, { nickname: `user-${round}` })
    const theirs = { ...door, accessKeyId: made.identifier, secretAccessKey: made.secretAccessKey }
    if ((await get(theirs)).status !== 200) t.fail('a new user is refused')
    await control.ask('revokeUser', { id: diskId, type: 's3' }, { identifier: made.identifier })
    if ((await get(theirs)).status !== 403) t.fail('a user who was revoked is let in')
  }
  t.match(await processesOf(control, 'disk'), [{ state: 'ready', diskId }])
  const requests = daemon
    .log()
    .split('\n')
    .filter((line) => line.includes('"event":"request"') && line.includes('my-own'))
  t.equal(requests.length, 1, 'one line a request')
  t.match(JSON.parse(requests[0] ?? '{}'), {
    role: 'worker',
    disk: diskId,
    operation: 'GetObject',
    status: 404,
  })
})

t.test('a disk that stops answering delays those alone who ask for it', { skip: noFuse }, async (t) => {
  const { daemon, control, hung, door, diskId } = await withHungDisk(t, 'silent')
  const { url } = await control.ask('share', { id: diskId }, { key: 'hello.txt' })
  t.equal((await get(door)).status, 200)
  hung.stop()
  const waiting = Array.from({ length: 50 }, () => get(door))
  let served = 0
  while (served < 200) {
    t.equal((await get(daemon)).status, 200)
    t.equal((await fetch(`${daemon.endpoint}/-/health`)).status, 200)
    served++
  }
  // The kernel may have given all of them to one worker.
  await until('every worker knows', async () => {
    await Promise.all(waiting)
    if (daemon.log().split('"disk.silent"').length > 2) return true
    waiting.push(...Array.from({ length: 10 }, () => get(door)))
    return false
  })
  for (const answer of await Promise.all(waiting)) {
    t.equal(answer.status, 503)
    t.match(answer.headers['retry-after'], /^\d+$/)
    t.match(answer.body.toString(), /<Code>ServiceUnavailable<.*does not answer/)
  }
  const known = await Promise.all(Array.from({ length: 1_000 }, () => get(door)))
  t.ok(known.every(({ status }) => status === 503))
  await until('all are logged', () => requestsOf(daemon, diskId).length >= 1_001 + waiting.length)
  const waited = requestsOf(daemon, diskId).filter(({ ms }) => ms >= 3_000).length
  t.ok(waited <= waiting.length, `${waited} waited, the first ones alone`)
  t.equal((await fetch(url)).status, 503)
  t.equal((await get(daemon)).status, 200)
  t.equal((await control.ask('listUsers', { id: daemon.disk })).length, 1)

  hung.goOn()
  await until('it answers again', async () => (await get(door)).status === 200)
  await until('both workers know', async () =>
    (await Promise.all(Array.from({ length: 20 }, () => get(door)))).every(({ status }) => status === 200),
  )
  t.equal((await fetch(url)).status, 200)
  t.match(await processesOf(control, 'disk'), [{ restarts: 0 }])
  t.match(await processesOf(control, 'worker'), [{ restarts: 0 }, { restarts: 0 }])

  hung.stop()
  t.equal((await get(door)).status, 503)
  await daemon.stop()
  t.match(daemon.log(), /"child.killed".*"role":"disk"/)
})

t.test('requests into a hung disk leave nothing behind', { skip: noFuse }, async (t) => {
  const { control, hung, door } = await withHungDisk(t, 'remains')
  const ask = () => Promise.all(Array.from({ length: 100 }, () => get(door)))
  const settled = async () => {
    while (!(await ask()).every(({ status }) => status === 200));
  }
  const processes = async () => [
    ...(await processesOf(control, 'worker')),
    ...(await processesOf(control, 'disk')),
  ]
  await settled()
  const before = (await processes()).map(({ pid }) => holdings(pid ?? 0))
  for (let round = 0; round < 2; round++) {
    hung.stop()
    for (let i = 0; i < 10; i++) await ask()
    hung.goOn()
    await settled()
  }
  await sleep(500)
  const after = (await processes()).map(({ pid }) => holdings(pid ?? 0))
  t.equal(after.length, before.length)
  // Some connections between a worker and the disk's process are kept, 32 at most; 2,000 requests were made.
  for (const [i, now] of after.entries()) {
    t.equal(now.threads, before[i]?.threads, 'threads')
    t.ok(
      now.descriptors <= (before[i]?.descriptors ?? 0) + 72,
      `descriptors: ${before[i]?.descriptors} → ${now.descriptors}`,
    )
    t.ok(
      now.megabytes <= (before[i]?.megabytes ?? 0) + 64,
      `memory: ${before[i]?.megabytes} → ${now.megabytes} MB`,
    )
  }
})

function holdings(pid: number) {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1])
  return {
    threads: field('Threads'),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    megabytes: Math.round(field('VmRSS') / 1024),
  }
}

const requestsOf = (daemon: Daemon, disk: string) =>
  daemon
    .log()
    .split('\n')
    .filter((line) => line.startsWith('{') && line.includes('"event":"request"'))
    .map((line) => JSON.parse(line) as { disk?: string; ms: number })
    .filter((request) => request.disk === disk)

t.test('control waits for no directory that somebody names', { skip: noFuse }, async (t) => {
  const { daemon, control, hosted, hung, diskId } = await withHungDisk(t, 'named')
  mkdirSync(join(hosted, 'inside'))
  const root = join(scratch, 'named', 'root')
  symlinkSync(join(root, 'inside'), join(scratch, 'named', 'link'))
  hung.stop()
  const asked: Promise<unknown>[] = [
    control.ask('createDisk', {}, { root: join(root, 'inside') }),
    control.ask('createDisk', {}, { root: join(scratch, 'named', 'link') }),
    control.ask('changeDisk', { id: daemon.disk }, { root: join(root, 'inside') }),
    control.ask('share', { id: diskId }, { key: 'hello.txt' }),
    control.ask('mountDisk', { id: diskId }, {}),
  ]
  let refused = 0
  for (const one of asked) one.catch(() => refused++)
  t.equal((await control.ask('listUsers', { id: daemon.disk })).length, 1)
  t.match(await control.ask('showDisk', { id: daemon.disk }), { status: 'available' })
  t.ok(refused < asked.length, 'meanwhile')
  for (const one of asked) await t.rejects(one, { code: 'DiskOffline', message: /does not answer/ })
  t.equal((await control.ask('share', { id: daemon.disk }, { key: 'hello.txt' })).expiresIn, 86_400)

  // It can be killed, and the next one is held up by nothing either.
  const [before] = await processesOf(control, 'control')
  process.kill(before?.pid ?? 0, 'SIGKILL')
  await until('control is back', async () => {
    const now = await processesOf(control, 'control').catch(() => [])
    return now[0] !== undefined && now[0].pid !== before?.pid
  })
  t.match(await control.ask('showDisk', { id: diskId }), {
    status: 'offline',
    offlineReason: /does not answer/,
  })
  hung.goOn()
  await until(
    'it answers',
    async () => (await control.ask('showDisk', { id: diskId })).status === 'available',
  )
  const made = await control.ask('createDisk', {}, { root: join(scratch, 'named', 'link') })
  t.equal(made.disk.root, join(root, 'inside'))
})
