/** Processes of the daemon that hang, were stopped, or can't be killed, and logs that nobody reads: who waits for them. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { Client } from '../../daemon/cli/client.ts'
import { isMounted } from '../../lib/sys/mountinfo.ts'
import { startDaemon, twofold, type Ready } from '../fixtures/daemon.ts'
import { s3, type Door } from '../fixtures/s3.ts'
import { until } from '../fixtures/until.ts'

const noFuse = existsSync('/dev/fuse') && process.getuid?.() === 0 ? false : 'needs /dev/fuse and root'

const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'twofold-left-')))
t.teardown(() => rmSync(scratch, { recursive: true, force: true }))
function newDirectory(name: string): string {
  const path = join(scratch, name)
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'hello.txt'), 'hello')
  return path
}

const program = (name: string) => fileURLToPath(new URL(`../fixtures/${name}.js`, import.meta.url))

/** A program that says "ready". */
async function ready(child: ChildProcess): Promise<ChildProcess> {
  if (child.stdout === null) throw new Error('no stdout')
  for await (const line of createInterface({ input: child.stdout })) if (line === 'ready') return child
  throw new Error('it ended before it was ready')
}

/** Shows `hosted` at `mountpoint`; who opens `held` there waits until `release` is asked for, and can't be killed. */
async function holdingFilesystem(t: Test, hosted: string, mountpoint: string) {
  const child = await ready(
    spawn(process.execPath, [program('held-filesystem'), hosted, mountpoint, 'open'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  )
  const release = () => spawnSync('stat', [join(mountpoint, 'release')])
  t.teardown(async () => {
    release()
    spawnSync('umount', ['-l', mountpoint])
    const gone = child.exitCode === null ? once(child, 'exit') : undefined
    child.kill('SIGKILL')
    await gone
  })
  return { release }
}

t.test('a mount process that was stopped', { skip: noFuse }, async (t) => {
  const daemon = await startDaemon(newDirectory('stopped'), { args: ['--listen', '127.0.0.1:0'] })
  t.teardown(() => daemon.stop())
  const control = new Client(join(daemon.state, 'control.sock'))
  const { diskId } = await control.ask('createDisk', {}, { root: newDirectory('beside'), name: 'beside' })
  const { mountpoint } = (await control.ask('mountDisk', { id: diskId })).mount ?? {}
  const mountOf = async (id: string) =>
    (await control.ask('status')).processes.find((one) => one.role === 'mount' && one.diskId === id)?.pid ?? 0
  t.match((await control.ask('status')).disks, [
    { mount: { answering: true } },
    { mount: { answering: true } },
  ])
  process.kill(await mountOf(daemon.disk), 'SIGSTOP')
  t.match((await control.ask('status')).disks, [
    { mount: { answering: false } },
    { mount: { answering: true } },
  ])
  const status = spawnSync(process.execPath, [twofold, 'status', '--state', daemon.state], {
    encoding: 'utf8',
  })
  t.match(status.stdout, `${daemon.mountpoint} (not answering)`)
  t.match(await control.ask('showDisk', { id: daemon.disk }), { mount: { answering: false } })

  let isOver = false
  const refused = t
    .rejects(control.ask('unmountDisk', { id: daemon.disk }), {
      code: 'MountBusy',
      message: /does not answer.*--force/,
    })
    .then(() => (isOver = true))
  await control.ask('unmountDisk', { id: diskId })
  await control.ask('mountDisk', { id: diskId })
  t.notOk(isOver, 'another disk was unmounted and mounted meanwhile')
  t.equal(readFileSync(join(mountpoint ?? '', 'hello.txt'), 'utf8'), 'hello')
  await refused
  t.ok(isMounted(daemon.mountpoint ?? ''), 'and it stands')
  await control.ask('unmountDisk', { id: daemon.disk }, { force: true })
  t.notOk(isMounted(daemon.mountpoint ?? ''), 'gone when the command says so')
  await control.ask('mountDisk', { id: daemon.disk })
  t.equal(readFileSync(join(daemon.mountpoint ?? '', 'hello.txt'), 'utf8'), 'hello')

  // Whoever asks it to end meanwhile changes nothing.
  for (const id of [daemon.disk, diskId]) process.kill(await mountOf(id), 'SIGSTOP')
  const asked = control.ask('unmountDisk', { id: daemon.disk }).catch(() => undefined)
  await daemon.stop()
  await asked
  for (const path of [daemon.mountpoint, mountpoint]) t.notOk(isMounted(path ?? ''))
})

t.test('a daemon whose stderr nobody reads serves and ends', async (t) => {
  const state = join(scratch, 'unread')
  const args = ['--json', '--state', state, '--listen', '127.0.0.1:0', '--log-level', 'debug']
  const child = spawn(process.execPath, [twofold, 'up', ...args, newDirectory('unread-data')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  let door: (Door & Ready) | undefined
  for await (const line of createInterface({ input: child.stdout })) {
    door = JSON.parse(line) as Door & Ready
    break
  }
  if (door === undefined) return t.fail('not ready')
  // A pipe holds 64 KiB, and a request's line is longer than 100 bytes.
  for (let i = 0; i < 1_500; i++)
    if ((await s3(door, { key: 'hello.txt' })).status !== 200) t.fail('a request failed')
  t.equal(new Client(join(state, 'control.sock')) instanceof Client, true)
  t.equal((await new Client(join(state, 'control.sock')).ask('status')).disks.length, 1)
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  t.same(await ended, [0, null])
  if (door.mountpoint !== null) t.notOk(isMounted(door.mountpoint))
})

/** Resolves when the process waits for a FUSE daemon to open a file; for the name before, it waits a moment only. */
async function waitsInFuse(pid: number): Promise<void> {
  let seen = 0
  await until('it waits to open the file', () => {
    const place = readFileSync(`/proc/${pid}/wchan`, 'latin1')
    seen = place.startsWith('request_wait') ? seen + 1 : 0
    return seen === 10
  })
}

t.test(
  'a process that can not be killed keeps neither the state nor the port',
  { skip: noFuse },
  async (t) => {
    const hosted = newDirectory('held-hosted')
    const root = join(scratch, 'held-root')
    mkdirSync(root)
    const { release } = await holdingFilesystem(t, hosted, root)
    const data = newDirectory('held-data')
    const state = join(scratch, 'held-state')
    const first = await startDaemon(data, {
      state,
      args: ['--no-mount', '--listen', '127.0.0.1:0', '--answer-timeout', '8s'],
    })
    t.teardown(() => first.stop())
    const control = new Client(join(state, 'control.sock'))
    const { diskId } = await control.ask('createDisk', {}, { root, name: 'held' })
    const user = await control.ask('addUser', { id: diskId }, { nickname: 'test' })
    const door: Door = {
      ...first,
      bucket: 'held',
      accessKeyId: user.identifier,
      secretAccessKey: user.secretAccessKey,
    }
    t.equal((await s3(door, { key: 'held' })).status, 503)
    const disk = (await control.ask('status')).processes.find(({ role }) => role === 'disk')?.pid ?? 0
    const isThere = () => existsSync(`/proc/${disk}/task`)
    await waitsInFuse(disk)
    await first.stop()
    t.ok(isThere(), 'the one that waits lives on')
    t.match(first.log(), /"child.left"/)

    const port = Number(new URL(first.endpoint).port)
    const args = ['--no-mount', '--listen', `127.0.0.1:${port}`]
    const second = await startDaemon(data, { state, args })
    t.equal((await s3({ ...first, endpoint: second.endpoint }, { key: 'hello.txt' })).status, 200)
    t.equal(new URL(second.endpoint).port, String(port))
    await second.stop()

    // One that holds the port too, as a worker does that a local disk keeps.
    const stuck = spawn(
      process.execPath,
      [program('stuck-process'), join(state, 'lock.children'), String(port), join(root, 'held')],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    await ready(stuck)
    await waitsInFuse(stuck.pid ?? 0)
    stuck.kill('SIGKILL')
    const third = await startDaemon(data, { state, args })
    t.equal((await s3({ ...first, endpoint: third.endpoint }, { key: 'hello.txt' })).status, 200)
    t.equal(new URL(third.endpoint).port, String(port), 'the very port')
    t.match(third.log(), /"orphan.left".*"silenced":1/)
    await third.stop()
    release()
    await until('they are gone', () => !isThere() && stuck.signalCode !== null)
  },
)

t.test('a port is free again though a child of a killed daemon has it', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  const args = ['--no-mount', '--listen', `127.0.0.1:${port}`]
  const options = { state: join(scratch, 'port'), args }
  const data = newDirectory('port-data')
  const first = await startDaemon(data, options)
  process.kill(first.pid, 'SIGKILL')
  const second = await startDaemon(data, options)
  t.equal(new URL(second.endpoint).port, String(port))
  await second.stop()
})
