/**
 * What a worker of a real daemon asks of control and has the mounts told, all the way through the primary. The
 * worker's voice is the test's (fixtures/taken-over-worker.ts), so that it may also be one that somebody took over.
 */
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { Client } from '../../daemon/cli/client.ts'
import { ControlAsker } from '../../daemon/processes/ask-control.ts'
import type { FromWorker, ToWorker } from '../../daemon/processes/messages.ts'
import { MountTeller } from '../../daemon/processes/tell-mounts.ts'
import { Keyring, type KeyringRecord } from '../../lib/auth/keyring.ts'
import type { DiskId } from '../../lib/disk.ts'
import { startDaemon, type DaemonOptions } from '../fixtures/daemon.ts'
import { s3 } from '../fixtures/s3.ts'

const noFuse = existsSync('/dev/fuse') && process.getuid?.() === 0 ? false : 'needs /dev/fuse and root'

const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'twofold-asks-')))
t.teardown(() => rmSync(scratch, { recursive: true, force: true }))
const preload = fileURLToPath(new URL('../fixtures/taken-over-worker.js', import.meta.url))

let count = 0
async function start(t: Test, args: NonNullable<DaemonOptions['args']>) {
  const place = join(scratch, String(++count))
  mkdirSync(join(place, 'data/inner'), { recursive: true })
  mkdirSync(join(place, 'voices'))
  writeFileSync(join(place, 'data/hello.txt'), 'hello')
  const daemon = await startDaemon(join(place, 'data'), {
    state: join(place, 'state'),
    args: ['--listen', '127.0.0.1:0', ...args],
    env: { NODE_OPTIONS: `--import ${preload}`, NODE_TAKEN_OVER: join(place, 'voices') },
  })
  t.teardown(() => daemon.stop())
  const control = new Client(join(daemon.state, 'control.sock'))
  return { place, data: join(place, 'data'), daemon, control, worker: await voiceOf(t, control, place) }
}

const pidsOf = async (control: Client, role: string): Promise<number[]> =>
  (await control.ask('status')).processes
    .filter((one) => one.role === role && one.state === 'ready')
    .flatMap(({ pid }) => (pid === null ? [] : [pid]))

interface Voice {
  readonly pid: number
  readonly asker: ControlAsker
  readonly teller: MountTeller
  say(message: unknown): void
  /** The next message that the worker gets of this type. */
  next<T extends ToWorker['type']>(type: T): Promise<Extract<ToWorker, { type: T }>>
}

/** The voice of one of the daemon's workers. */
async function voiceOf(t: Test, control: Client, place: string): Promise<Voice> {
  const [pid = 0] = await pidsOf(control, 'worker')
  const socket = connect(join(place, 'voices', String(pid)))
  await once(socket, 'connect')
  t.teardown(() => socket.destroy())
  const say = (message: unknown) => void socket.write(`${JSON.stringify(message)}\n`)
  const asker = new ControlAsker((message: FromWorker) => say(message))
  const teller = new MountTeller((message: FromWorker) => say(message))
  const waiting = new Map<string, (message: ToWorker) => void>()
  createInterface({ input: socket }).on('line', (line) => {
    const message = JSON.parse(line) as ToWorker
    if (message.type === 'answer') asker.heard(message)
    if (message.type === 'told') teller.heard(message)
    waiting.get(message.type)?.(message)
  })
  const next = <T extends ToWorker['type']>(type: T) =>
    new Promise<Extract<ToWorker, { type: T }>>((resolve) =>
      waiting.set(type, resolve as (message: ToWorker) => void),
    )
  return { pid, asker, teller, say, next }
}

t.test('a question', async (t) => {
  const { daemon, control, worker } = await start(t, ['--no-mount'])
  const diskId = daemon.disk as DiskId
  await control.ask('changeDisk', { id: diskId }, { settings: { s3: 'rw' } })
  const tags = async () => (await control.ask('showDisk', { id: diskId })).tags
  const serves = async (t: Test) =>
    t.equal((await s3(daemon, { key: 'hello.txt' })).status, 200, 'it serves on')

  await t.test('is answered by control', async (t) => {
    t.equal(await worker.asker.ask('replaceTags', { diskId, tags: { a: 'b' } }), null)
    t.same(await tags(), { a: 'b' })
  })

  await t.test('that control refuses is refused by its Fault', async (t) => {
    const wrong = 'dsk-0123456789abcdef' as DiskId
    await t.rejects(worker.asker.ask('replaceTags', { diskId: wrong, tags: {} }), { code: 'NoSuchDisk' })
  })

  await t.test('while control is away, or that it dies over, is answered for it', async (t) => {
    const [pid = 0] = await pidsOf(control, 'control')
    process.kill(pid, 'SIGSTOP')
    const over = t.rejects(worker.asker.ask('replaceTags', { diskId, tags: { c: 'd' } }), {
      code: 'ServiceUnavailable',
      message: 'The control process ended before it answered.',
    })
    process.kill(pid, 'SIGKILL')
    await over
    await t.rejects(worker.asker.ask('replaceTags', { diskId, tags: { e: 'f' } }), {
      code: 'ServiceUnavailable',
      message: 'The control process is away; it is being started again.',
    })
    await serves(t)
    while ((await pidsOf(control, 'control').catch(() => [])).length === 0) await pause(50)
    t.equal(await worker.asker.ask('replaceTags', { diskId, tags: { g: 'h' } }), null, 'the next is answered')
    t.same(await tags(), { g: 'h' })
  })

  await t.test('of which too many are open is refused at once', async (t) => {
    const [pid = 0] = await pidsOf(control, 'control')
    process.kill(pid, 'SIGSTOP')
    const asked = Array.from({ length: 70 }, () => worker.asker.ask('replaceTags', { diskId, tags: {} }))
    const settled = Promise.allSettled(asked)
    const refused = (await Promise.allSettled(asked.slice(64))).map((one) =>
      one.status === 'rejected' ? String(one.reason) : one.status,
    )
    t.match(refused, Array(6).fill(/Too many requests wait for the control process/))
    process.kill(pid, 'SIGCONT')
    const statuses = (await settled).map(({ status }) => status)
    t.equal(statuses.filter((status) => status === 'fulfilled').length, 64, 'the others are answered')
    t.equal(
      await worker.asker.ask('replaceTags', { diskId, tags: { i: 'j' } }),
      null,
      'and there is room again',
    )
  })

  await t.test('without sense goes no further than the primary, which says so and stands', async (t) => {
    const [controlPid] = await pidsOf(control, 'control')
    const question = JSON.stringify({ diskId, tags: { taken: 'over' } })
    const nonsense: unknown[] = [
      { type: 'ask' },
      { type: 'ask', id: 7, name: 'replaceTags', question },
      { type: 'ask', id: 'x'.repeat(65), name: 'replaceTags', question },
      { type: 'ask', id: 'x', name: 'replaceTags', question: { diskId, tags: {} } },
      { type: 'ask', id: 'x', name: 'replaceTags', question: ' '.repeat(300_000) },
      { type: 'ask', id: 'x', name: 'replaceTags', question, from: 'worker-1' },
      { type: 'measured', question: 1, figures: {} },
      { type: 'applied', version: 'all' },
      { type: 'failed', code: 'constructor', message: '' },
      { type: 'changed', id: 'x', changes: [{ dev: '1', ino: '-1', name: 'eA==' }] },
      { type: 'changed', id: 'x', changes: Array(1001).fill({ dev: '1', ino: '1', name: 'eA==' }) },
      { type: 'constructor' },
      { type: '__proto__' },
      { type: ['ready'] },
      { type: 'publish', doors: {}, mounts: [] },
      [],
      'text',
      7,
      null,
    ]
    for (const message of nonsense) worker.say(message)
    t.equal(await worker.asker.ask('replaceTags', { diskId, tags: { k: 'l' } }), null)
    t.same(await tags(), { k: 'l' })
    t.equal(daemon.log().match(/child\.nonsense/g)?.length, nonsense.length)
    t.same((await pidsOf(control, 'control'))[0], controlPid)
    t.ok((await pidsOf(control, 'worker')).includes(worker.pid))
    await serves(t)
    t.ok((await control.ask('metrics')).length > 0)
  })
})

t.test('a worker is told no key, and makes neither links nor secrets of what it knows', async (t) => {
  const { daemon, control, worker } = await start(t, ['--no-mount'])
  const published = worker.next('doors')
  const user = await control.ask('addUser', { id: daemon.disk }, { nickname: 'known' })
  const text = JSON.stringify(await published)
  t.ok(text.includes(user.secretAccessKey), 'it is told what its users sign by')
  const record: unknown = JSON.parse(readFileSync(join(daemon.state, 'keyring.json'), 'utf8'))
  const keyring = Keyring.fromRecord(record)
  const keys: Buffer[] = (record as KeyringRecord).keys.map(({ secret }) => Buffer.from(secret, 'base64'))
  for (const purpose of ['s3-secret', 'share', 'link'] as const)
    keys.push(keyring.derive(keyring.current, purpose) ?? Buffer.alloc(0))
  for (const key of keys)
    for (const encoding of ['hex', 'base64', 'base64url'] as const) {
      const bare = key.toString(encoding).replace(/=+$/, '')
      t.ok(bare.length >= 43 && !text.includes(bare))
    }
})

t.test('a change', { skip: noFuse }, async (t) => {
  const { place, data, daemon, control } = await start(t, ['--attribute-timeout', '10m'])
  const mountpoint = daemon.mountpoint ?? ''
  const inner = await control.ask('createDisk', {}, { name: 'inner', root: join(data, 'inner') })
  const innerMount = join(place, 'inner-mount')
  await control.ask('mountDisk', { id: inner.diskId }, { mountpoint: innerMount })
  // A new disk means new workers.
  const worker = await voiceOf(t, control, place)

  let size = 1
  /** Changes a file behind the kernels' backs: what is then to be told. */
  const change = (name: string) => {
    const path = join(data, 'inner', name)
    writeFileSync(`${path}.new`, 'x'.repeat(++size))
    renameSync(`${path}.new`, path)
    return { directory: statSync(join(data, 'inner'), { bigint: true }), name: Buffer.from(name) }
  }
  const seen = (name: string) => [
    statSync(join(mountpoint, 'inner', name)).size,
    statSync(join(innerMount, name)).size,
  ]

  await t.test('in a disk within another is seen in the mounts of both', async (t) => {
    change('file')
    t.same(seen('file'), [size, size])
    const old = size
    const changed = change('file')
    t.same(seen('file'), [old, old], 'what a kernel knows, it need not ask')
    await worker.teller.tell([changed])
    t.same(seen('file'), [size, size])
  })

  await t.test('is told with all that change at the same time, and with thousands', async (t) => {
    const names = Array.from({ length: 60 }, (_, i) => `many-${i}`)
    names.forEach(change)
    names.forEach(seen)
    const some = names.map(change)
    await Promise.all(some.map((one) => worker.teller.tell([one])))
    t.same(
      names.map(seen),
      names.map((_, i) => [size - 59 + i, size - 59 + i]),
    )
    const all = names.map(change)
    await worker.teller.tell(Array.from({ length: 50 }, () => all).flat())
    t.same(
      names.map(seen),
      names.map((_, i) => [size - 59 + i, size - 59 + i]),
    )
    await worker.teller.tell([])
  })

  await t.test('waits once for a mount that hangs, and not at all for one that is gone', async (t) => {
    const [pid = 0] = (await control.ask('status')).processes.flatMap(({ diskId, pid }) =>
      diskId === inner.diskId && pid !== null ? [pid] : [],
    )
    process.kill(pid, 'SIGSTOP')
    const known = change('file')
    await worker.teller.tell([known])
    // Two seconds for each of them would outlast this test.
    for (let i = 0; i < 600; i++) await worker.teller.tell([known])
    t.equal(statSync(join(mountpoint, 'inner/file')).size, size, 'the other kernel was told')
    process.kill(pid, 'SIGCONT')
    while (statSync(join(innerMount, 'file')).size !== size) await pause(20)
    t.pass('it hears what it missed')
    await control.ask('unmountDisk', { id: inner.diskId }, { force: true })
    await worker.teller.tell([change('file')])
    t.equal(statSync(join(mountpoint, 'inner/file')).size, size)
  })

  await t.test('that is one of too many at once is not passed on', async (t) => {
    const changes = [{ dev: '1', ino: '1', name: 'eA==' }]
    for (let i = 0; i < 2_000; i++) worker.say({ type: 'changed', id: `flood-${i}`, changes })
    const changed = change('file')
    while (statSync(join(mountpoint, 'inner/file')).size !== size) await worker.teller.tell([changed])
    t.match(daemon.log(), /too many changes/)
  })
})
