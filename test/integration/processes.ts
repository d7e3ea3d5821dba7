/**
 * The daemon's processes, killed for real: what a crash takes away, what comes back by itself, and what is
 * left when all of it is gone.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { Agent } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { Client } from '../../daemon/cli/client.ts'
import type { StatusView } from '../../daemon/control/schema.ts'
import type { ProcessView } from '../../daemon/processes/process-view.ts'
import { mountTable } from '../../lib/sys/mountinfo.ts'
import { startDaemon, twofold, type Daemon, type DaemonOptions } from '../fixtures/daemon.ts'
import { send, sign, type Door, type S3Response } from '../fixtures/s3.ts'
import { until } from '../fixtures/until.ts'

const noFuse = existsSync('/dev/fuse') && process.getuid?.() === 0 ? false : 'needs /dev/fuse and root'

/** Short paths: a unix socket's is at most 107 bytes. */
const scratch = mkdtempSync(join(tmpdir(), 'twofold-processes-'))
t.teardown(() => rmSync(scratch, { recursive: true, force: true }))
let count = 0
function newData(): string {
  const data = join(scratch, `data-${++count}`)
  mkdirSync(data)
  writeFileSync(join(data, 'hello.txt'), 'hello')
  return data
}

const started = new Set<Daemon>()
t.teardown(async () => {
  for (const daemon of started) if (alive(daemon.pid)) await daemon.stop()
})
async function start(data: string, options: DaemonOptions = {}): Promise<Daemon> {
  const args = ['--listen', '127.0.0.1:0', ...(options.args ?? [])]
  const daemon = await startDaemon(data, { state: join(scratch, `state-${count}`), ...options, args })
  started.add(daemon)
  return daemon
}

const controlOf = (daemon: Daemon) => new Client(join(daemon.state, 'control.sock'))
/** Over a connection of its own, unless an agent keeps one. */
const get = (door: Door, key = 'hello.txt', agent = new Agent({ keepAlive: false })): Promise<S3Response> =>
  send(door.endpoint, sign(door, { key }), agent)

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    // A zombie that nobody has waited for is not alive.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))
  } catch {
    return false
  }
}

/** What status says, or undefined while control is away. */
const statusOf = (daemon: Daemon): Promise<StatusView | undefined> =>
  controlOf(daemon)
    .ask('status')
    .catch(() => undefined)

async function processesOf(daemon: Daemon, role: ProcessView['role']): Promise<number[]> {
  const status = await statusOf(daemon)
  return (status?.processes ?? [])
    .filter((one) => one.role === role && one.state === 'ready')
    .map((one) => one.pid ?? 0)
}

/** Kills a process of the daemon as a bug would, and waits until another does its work. */
async function killAndWait(daemon: Daemon, role: ProcessView['role'], pid: number): Promise<void> {
  const before = (await processesOf(daemon, role)).length
  process.kill(pid, 'SIGKILL')
  await until(`another ${role} works`, async () => {
    const now = await processesOf(daemon, role)
    return now.length === before && !now.includes(pid)
  })
}

const isMounted = (path: string) => mountTable().some(({ mountpoint }) => mountpoint === path)

t.test('what crashes alone', async (t) => {
  const data = newData()
  const daemon = await start(data, { args: noFuse === false ? [] : ['--no-mount'] })
  t.equal((await get(daemon)).body.toString(), 'hello')

  await t.test('a killed worker is replaced, and its brother serves meanwhile', async (t) => {
    const workers = await processesOf(daemon, 'worker')
    t.equal(workers.length, 2)
    let running = true
    const answers: number[] = []
    const broken: unknown[] = []
    const asking = (async () => {
      while (running)
        await get(daemon).then(
          ({ status }) => answers.push(status),
          (error: unknown) => broken.push(error),
        )
    })()
    await killAndWait(daemon, 'worker', workers[0] ?? 0)
    running = false
    await asking
    t.ok(answers.length > 0)
    t.ok(answers.every((status) => status === 200))
    t.ok(broken.length <= 1, 'at most the one that it was answering', { broken })
  })

  await t.test('when both workers are killed, a new connection waits for the next ones', async (t) => {
    const workers = await processesOf(daemon, 'worker')
    for (const pid of workers) process.kill(pid, 'SIGKILL')
    t.equal((await get(daemon)).status, 200)
    await until('both are back', async () => (await processesOf(daemon, 'worker')).length === 2)
  })

  await t.test('S3 goes on while control is dead, and control comes back with its records', async (t) => {
    const before = await controlOf(daemon).ask('listUsers', { id: daemon.disk })
    const [control = 0] = await processesOf(daemon, 'control')
    process.kill(control, 'SIGKILL')
    t.equal((await get(daemon)).status, 200)
    await until('control is back', async () => (await processesOf(daemon, 'control')).length === 1)
    t.same(await controlOf(daemon).ask('listUsers', { id: daemon.disk }), before)
    const made = await controlOf(daemon).ask('addUser', { id: daemon.disk }, { nickname: 'after the crash' })
    t.equal(
      (await get({ ...daemon, accessKeyId: made.identifier, secretAccessKey: made.secretAccessKey })).status,
      200,
    )
  })

  await t.test('a killed mount comes back where it was, and S3 never left', { skip: noFuse }, async (t) => {
    const [mount = 0] = await processesOf(daemon, 'mount')
    const mountpoint = daemon.mountpoint ?? ''
    t.equal(readFileSync(join(mountpoint, 'hello.txt'), 'utf8'), 'hello')
    process.kill(mount, 'SIGKILL')
    t.equal((await get(daemon)).status, 200)
    await until('it is mounted again', async () => {
      const now = await processesOf(daemon, 'mount')
      return now.length === 1 && now[0] !== mount
    })
    t.equal(readFileSync(join(mountpoint, 'hello.txt'), 'utf8'), 'hello')
    t.equal(
      mountTable().filter((one) => one.mountpoint === mountpoint).length,
      1,
      'one mount, no corpse below',
    )
  })

  await t.test('a killed mount that is unmounted leaves nothing behind', { skip: noFuse }, async (t) => {
    const [mount = 0] = await processesOf(daemon, 'mount')
    const mountpoint = daemon.mountpoint ?? ''
    process.kill(mount, 'SIGKILL')
    await controlOf(daemon).ask('unmountDisk', { id: daemon.disk }, {})
    t.notOk(isMounted(mountpoint))
    t.notOk(existsSync(mountpoint), 'the directory was the daemon’s')
    await controlOf(daemon).ask('mountDisk', { id: daemon.disk }, {})
    t.equal(readFileSync(join(mountpoint, 'hello.txt'), 'utf8'), 'hello')
  })

  await t.test('a worker that hangs can not hold up a revocation', async (t) => {
    const user = await controlOf(daemon).ask('addUser', { id: daemon.disk }, { nickname: 'short-lived' })
    const [worker = 0] = await processesOf(daemon, 'worker')
    process.kill(worker, 'SIGSTOP')
    await controlOf(daemon).ask(
      'revokeUser',
      { id: daemon.disk, type: 's3' },
      { identifier: user.identifier },
    )
    t.notOk(alive(worker), 'the worker that did not answer is gone')
    const door = { ...daemon, accessKeyId: user.identifier, secretAccessKey: user.secretAccessKey }
    t.equal((await get(door)).status, 403)
    await until('both work', async () => (await processesOf(daemon, 'worker')).length === 2)
  })

  await t.test('stopping leaves no process, no mount and no socket in the way', async (t) => {
    const status = await statusOf(daemon)
    await daemon.stop()
    for (const { pid } of status?.processes ?? []) t.notOk(alive(pid ?? 0))
    if (daemon.mountpoint !== null) {
      t.notOk(isMounted(daemon.mountpoint))
      t.notOk(existsSync(daemon.mountpoint), 'where nobody writes by mistake')
    }
    await t.rejects(get(daemon), /ECONNREFUSED/)
  })
})

t.test('a user is refused from the moment that the revocation returns', async (t) => {
  const daemon = await start(newData(), { args: ['--no-mount'] })
  const control = controlOf(daemon)
  // Connections that live on reach both workers.
  const agents = Array.from({ length: 8 }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
  t.teardown(() => agents.forEach((agent) => agent.destroy()))
  let stale = 0
  let refusedEarly = 0
  for (let round = 0; round < 50; round++) {
    const user = await control.ask('addUser', { id: daemon.disk }, { nickname: `user-${round}` })
    const door = { ...daemon, accessKeyId: user.identifier, secretAccessKey: user.secretAccessKey }
    const ask = async () =>
      (await Promise.all(agents.map((agent) => get(door, 'hello.txt', agent)))).map((answer) => answer.status)
    if ((await ask()).some((status) => status !== 200)) refusedEarly++
    if (round % 2 === 0) {
      await control.ask('revokeUser', { id: daemon.disk, type: 's3' }, { identifier: user.nickname })
    } else {
      await control.ask('rotateUser', { id: daemon.disk }, { identifier: user.identifier })
    }
    if ((await ask()).some((status) => status !== 403)) stale++
  }
  t.equal(refusedEarly, 0, 'a new user is let in by every worker')
  t.equal(stale, 0, 'an old key is refused by every worker')
  await daemon.stop()
})

t.test('a running request is let to its end when the daemon stops', async (t) => {
  const data = newData()
  writeFileSync(join(data, 'big'), Buffer.alloc(64 * 1024 * 1024, 7))
  const daemon = await start(data, { args: ['--no-mount'] })
  const answer = get(daemon, 'big')
  await pause(50)
  await daemon.stop()
  t.equal((await answer).body.length, 64 * 1024 * 1024)
})

t.test('a mount wanted of a daemon that stops leaves no directory', { skip: noFuse }, async (t) => {
  const daemon = await start(newData(), { args: ['--no-mount', '--drain-timeout', '0s'] })
  // Control is the last to be stopped, and one that hangs keeps it until then.
  for (const worker of await processesOf(daemon, 'worker')) process.kill(worker, 'SIGSTOP')
  const stopped = daemon.stop()
  await until('it stops', () => daemon.log().includes('daemon.stopping'))
  await t.rejects(controlOf(daemon).ask('mountDisk', { id: daemon.disk }))
  await stopped
  t.same(readdirSync(join(daemon.state, 'mounts')), [])
})

t.test('a client that never pauses does not keep the daemon from stopping', async (t) => {
  const daemon = await start(newData(), { args: ['--no-mount'] })
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  t.teardown(() => agent.destroy())
  let wrong = 0
  let answered = 0
  let over = false
  const asking = Array.from({ length: 4 }, async () => {
    while (!over) {
      try {
        if ((await get(daemon, 'hello.txt', agent)).status !== 200) wrong++
        answered++
      } catch {
        over = true
      }
    }
  })
  await until('they are at it', () => answered > 100)
  const began = Date.now()
  await daemon.stop()
  over = true
  await Promise.all(asking)
  t.equal(wrong, 0)
  t.ok(Date.now() - began < 9_000, 'the drain time was not used up')
})

t.test('a mount in use', { skip: noFuse }, async (t) => {
  const daemon = await start(newData())
  const control = controlOf(daemon)
  const mountpoint = daemon.mountpoint ?? ''
  const [before] = await processesOf(daemon, 'mount')
  await control.ask(
    'changeDisk',
    { id: daemon.disk },
    { tags: { a: 'b' }, settings: { region: 'eu-west-1' } },
  )
  t.same(await processesOf(daemon, 'mount'), [before], 'stays when what changes is not the mount')
  const fd = openSync(join(mountpoint, 'hello.txt'), 'r')
  await t.rejects(control.ask('unmountDisk', { id: daemon.disk }), { code: 'MountBusy' })
  t.ok(isMounted(mountpoint))
  t.match(await control.ask('showDisk', { id: daemon.disk }), { mount: { state: 'mounted', mountpoint } })
  t.equal(readFileSync(fd, 'utf8'), 'hello', 'is as it was')
  await control.ask('unmountDisk', { id: daemon.disk }, { force: true })
  t.notOk(isMounted(mountpoint), 'leaves the tree when it is forced to')
  closeSync(fd)
  t.equal((await control.ask('showDisk', { id: daemon.disk })).mount, null)
  await t.rejects(control.ask('unmountDisk', { id: daemon.disk }), { code: 'NotMounted' })

  const again = await control.ask('mountDisk', { id: daemon.disk }, { readOnly: true })
  t.match(again.mount, { state: 'mounted', mountpoint, readOnly: true })
  t.throws(() => writeFileSync(join(mountpoint, 'new'), ''), { code: 'EROFS' })
  await t.rejects(control.ask('mountDisk', { id: daemon.disk }), { code: 'AlreadyMounted' })
  await control.ask('removeDisk', { id: daemon.disk })
  t.notOk(isMounted(mountpoint), 'goes with its disk')
  await daemon.stop()
})

t.test('nothing outlives a killed primary, and the next daemon finds its state', async (t) => {
  const data = newData()
  const state = join(scratch, 'orphans')
  const args = noFuse === false ? [] : ['--no-mount']
  const first = await start(data, { state, args })
  const status = await statusOf(first)
  const pids = (status?.processes ?? []).map((one) => one.pid ?? 0)
  t.ok(pids.length >= 4)
  process.kill(first.pid, 'SIGKILL')
  // At once: it waits until the last of them has ended.
  const second = await start(data, { state, args })
  t.notOk(pids.some(alive), 'all of them are gone')
  t.equal(second.disk, first.disk)
  t.equal(second.accessKeyId, first.accessKeyId)
  t.equal((await get({ ...second, secretAccessKey: first.secretAccessKey })).status, 200)
  await second.stop()
})

t.test('the children of a killed primary end by themselves, and take their mount along', async (t) => {
  const first = await start(newData(), { args: noFuse === false ? [] : ['--no-mount'] })
  const pids = ((await statusOf(first))?.processes ?? []).map((one) => one.pid ?? 0)
  process.kill(first.pid, 'SIGKILL')
  await until('all of them are gone', () => !pids.some(alive))
  if (first.mountpoint !== null) t.notOk(isMounted(first.mountpoint))
})

t.test('a mount left dead by kill -9 of everything is mounted again', { skip: noFuse }, async (t) => {
  const data = newData()
  const state = join(scratch, 'dead')
  const first = await start(data, { state })
  const status = await statusOf(first)
  for (const { pid } of status?.processes ?? []) process.kill(pid ?? 0, 'SIGKILL')
  await until('all of them are gone', () => !(status?.processes ?? []).some(({ pid }) => alive(pid ?? 0)))
  t.throws(() => readFileSync(join(first.mountpoint ?? '', 'hello.txt')), /ENOTCONN|ECONNABORTED|ENOENT/)
  const second = await start(data, { state })
  t.equal(second.mountpoint, first.mountpoint)
  t.equal(readFileSync(join(second.mountpoint ?? '', 'hello.txt'), 'utf8'), 'hello')
  await second.stop()
  t.notOk(isMounted(first.mountpoint ?? ''))
})

/** Runs the command to its end. */
function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [twofold, ...args], { encoding: 'utf8', timeout: 60_000 })
}

t.test('two daemons do not share a state directory', async (t) => {
  const daemon = await start(newData(), { args: ['--no-mount'] })
  const second = run('serve', '--state', daemon.state, '--listen', '127.0.0.1:0')
  t.equal(second.status, 8)
  t.match(second.stderr, new RegExp(`pid ${daemon.pid}\\b`))
  t.equal((await get(daemon)).status, 200, 'the first one goes on')
  await daemon.stop()
})

t.test('an address that is taken is refused by the name of its holder', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => other.close())
  const { port } = other.address() as AddressInfo
  const state = join(scratch, 'taken')
  const refused = run('serve', '--state', state, '--listen', `127.0.0.1:${port}`)
  t.equal(refused.status, 8)
  t.match(refused.stderr, new RegExp(`127\\.0\\.0\\.1:${port} is taken by .*\\(pid ${process.pid}\\)`))
})

t.test('an address that others reach needs --expose', async (t) => {
  const refused = run('serve', '--state', join(scratch, 'exposed'), '--listen', '0.0.0.0:0')
  t.equal(refused.status, 2)
  t.match(refused.stderr, /--expose/)
})

t.test('a state directory with too long a name says what to do', async (t) => {
  const state = join(scratch, 'x'.repeat(120))
  const refused = run('serve', '--state', state, '--listen', '127.0.0.1:0')
  t.equal(refused.status, 2)
  t.match(refused.stderr, /--control-socket/)
})

t.test('a socket handed over by the service manager is served', async (t) => {
  const state = join(scratch, 'activated')
  const listening = createServer().listen(0, '127.0.0.1')
  await once(listening, 'listening')
  const { port } = listening.address() as AddressInfo
  // What systemd does: descriptor 3, and the variables that say so to the very process.
  const fd = (listening as unknown as { _handle: { fd: number } })._handle.fd
  const child = spawn(
    '/bin/sh',
    ['-c', `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"`, process.execPath, twofold, 'serve', '--state', state],
    { stdio: ['ignore', 'ignore', 'pipe', fd] },
  )
  listening.close()
  t.teardown(() => child.kill('SIGKILL'))
  let log = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (log += text))
  await until('it is ready', () => log.includes('daemon.ready'))
  const answer = await fetch(`http://127.0.0.1:${port}/`)
  t.equal(answer.status, 403)
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  t.same(await ended, [0, null])
})
