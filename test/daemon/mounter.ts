import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { toChangeRecord } from '../../daemon/processes/change-record.ts'
import { mknodat } from '../../lib/sys/open.ts'
import { isMounted, mountTable } from '../../lib/sys/mountinfo.ts'
import { makedev, S } from '../../lib/sys/stat.ts'
import { engines } from '../../mount/engines.ts'
import type { Engine } from '../../mount/engine.ts'
import { mounted, type MountingOptions } from '../fixtures/mounted.ts'
import { available } from '../fixtures/posix/available.ts'

const scratch = mkdtempSync(join(tmpdir(), 'twofold-mounter-'))
t.teardown(() => rmSync(scratch, { recursive: true, force: true }))
t.setTimeout(600_000)

let count = 0
function places(): { root: string; mountpoint: string } {
  const directory = join(scratch, String(++count))
  mkdirSync(join(directory, 'root'), { recursive: true })
  writeFileSync(join(directory, 'root/file'), 'content')
  return { root: join(directory, 'root'), mountpoint: join(directory, 'mount') }
}

function cases(t: Test, engine: Engine): void {
  const mount = async (more: Partial<MountingOptions> = {}, at = places()) => ({
    ...at,
    ...(await mounted(at.root, at.mountpoint, { engine: engine.name, ...more })),
  })

  t.test('it mounts, says by what, and unmounts when told to stop', async (t) => {
    const { mountpoint, report, stop } = await mount()
    t.equal(report.engine, engine.name)
    t.equal(readFileSync(join(mountpoint, 'file'), 'utf8'), 'content')
    const entry = mountTable().find((one) => one.mountpoint === mountpoint)
    t.match(entry, { type: 'fuse.twofold', source: /^twofold:/, readOnly: false })
    t.strictSame(await stop(), { status: 0, last: { state: 'unmounted' } })
    t.notOk(isMounted(mountpoint))
  })

  t.test('a read-only mount refuses every write', async (t) => {
    const { mountpoint, stop } = await mount({ readOnly: true })
    t.equal(mountTable().find((one) => one.mountpoint === mountpoint)?.readOnly, true)
    t.throws(() => writeFileSync(join(mountpoint, 'file'), 'x'), { code: 'EROFS' })
    t.throws(() => mkdirSync(join(mountpoint, 'new')), { code: 'EROFS' })
    t.equal(readFileSync(join(mountpoint, 'file'), 'utf8'), 'content')
    await stop()
  })

  t.test('what a killed one left dead is mounted anew', async (t) => {
    const at = places()
    for (let i = 0; i < 3; i++) {
      const { process: child } = await mount({}, at)
      child.kill('SIGKILL')
      await once(child, 'exit')
      t.throws(() => readdirSync(at.mountpoint), { code: 'ENOTCONN' })
    }
    const { stop } = await mount({}, at)
    t.equal(mountTable().filter((one) => one.mountpoint === at.mountpoint).length, 1)
    t.equal(readFileSync(join(at.mountpoint, 'file'), 'utf8'), 'content')
    await stop()
    t.notOk(isMounted(at.mountpoint))
  })

  t.test("a living mount is nobody else's to take", async (t) => {
    const at = places()
    const { stop } = await mount({}, at)
    await t.rejects(mount({}, at), /is a mount point already/)
    t.equal(readFileSync(join(at.mountpoint, 'file'), 'utf8'), 'content')
    await stop()
  })

  t.test('who keeps it busy is named, and waited for', async (t) => {
    const { mountpoint, stop, process: child } = await mount()
    let log = ''
    child.stderr?.on('data', (bytes: Buffer) => (log += bytes.toString()))
    const user = spawn('sleep', ['1.5'], { cwd: mountpoint, stdio: 'ignore' })
    await once(user, 'spawn')
    t.match(await stop({ drain: 8000 }), { status: 0, last: { state: 'unmounted' } })
    t.match(log, new RegExp(`sleep \\\\(${user.pid}\\\\)`.replaceAll('\\\\', '\\')))
    t.equal(user.exitCode, 0, 'it had its time')
    t.notOk(isMounted(mountpoint))
  })

  t.test('when forced it leaves at once, busy or not', async (t) => {
    const { mountpoint, stop } = await mount()
    const user = spawn('sleep', ['60'], { cwd: mountpoint, stdio: 'ignore' })
    await once(user, 'spawn')
    t.match(await stop({ drain: 1000, force: true }), { status: 0 })
    t.notOk(isMounted(mountpoint))
    user.kill()
  })

  t.test('unmounted by somebody else, it says so and fails, so that it is started again', async (t) => {
    const { mountpoint, process: child, stop } = await mount()
    execFileSync('umount', [mountpoint])
    await once(child, 'exit')
    t.match(await stop(), { status: 1, last: { state: 'failed', error: /somebody else/ } })
  })

  t.test('ps shows what it mounts, and a signal to it alone leaves the mount standing', async (t) => {
    const { mountpoint, process: child, stop } = await mount()
    const shown = readFileSync(`/proc/${child.pid}/cmdline`, 'utf8').replace(/\0+$/, '')
    t.ok(`twofold mount ${mountpoint}`.startsWith(shown), shown)
    t.match(shown, /^twofold mount \//)
    for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM'] as const) child.kill(signal)
    t.equal(readFileSync(join(mountpoint, 'file'), 'utf8'), 'content')
    t.equal(child.exitCode, null)
    t.match(await stop(), { status: 0, last: { state: 'unmounted' } })
  })

  t.test('when the primary is gone it goes too, and takes its mount along', async (t) => {
    const { mountpoint, process: child } = await mount()
    child.disconnect()
    await once(child, 'exit')
    t.notOk(isMounted(mountpoint))
  })

  t.test('a disk whose root went away answers EIO, and is there when it comes back', async (t) => {
    const { root, mountpoint, stop } = await mount()
    t.strictSame(readdirSync(mountpoint), ['file'])
    renameSync(root, `${root}-away`)
    mkdirSync(root)
    await pause(2500)
    t.throws(() => readdirSync(mountpoint), { code: 'EIO' }, 'an empty directory would be believed')
    t.throws(() => writeFileSync(join(mountpoint, 'new'), ''), { code: 'EIO' })
    rmSync(root, { recursive: true })
    renameSync(`${root}-away`, root)
    await pause(2500)
    t.strictSame(readdirSync(mountpoint), ['file'])
    t.equal(readFileSync(join(mountpoint, 'file'), 'utf8'), 'content')
    await stop()
  })

  t.test('what the host changes is seen within the attribute timeout', async (t) => {
    const { root, mountpoint, stop } = await mount()
    t.equal(readFileSync(join(mountpoint, 'file'), 'utf8'), 'content')
    writeFileSync(join(root, 'file'), 'changed on the host')
    writeFileSync(join(root, 'new'), 'new')
    if (engine.supports.has('notify')) await pause(1100)
    t.equal(readFileSync(join(mountpoint, 'file'), 'utf8'), 'changed on the host')
    t.strictSame(readdirSync(mountpoint).sort(), ['file', 'new'])
    await stop()
  })

  t.test('told of a change, it has the kernel forget what it knew before it answers', async (t) => {
    const { root, mountpoint, process: child, stop } = await mount({ attributeTimeout: 600_000 })
    const directory = statSync(root, { bigint: true })
    const tell = async (id: number, names: readonly (string | Buffer)[]) => {
      const told = once(child, 'message')
      const changes = names.map((name) => toChangeRecord({ directory, name: Buffer.from(name) }))
      child.send({ type: 'changed', id, changes })
      return (await told) as unknown[]
    }
    t.equal(statSync(join(mountpoint, 'file')).size, 7)
    t.notOk(existsSync(join(mountpoint, 'new')))
    writeFileSync(join(root, 'other'), 'longer than before')
    renameSync(join(root, 'other'), join(root, 'file'))
    if (engine.supports.has('notify')) t.equal(statSync(join(mountpoint, 'file')).size, 7, 'still known')
    t.match(await tell(1, ['file']), [{ type: 'told', id: 1 }])
    t.equal(statSync(join(mountpoint, 'file')).size, 18)

    const bytes = Buffer.from([0x6e, 0xe9, 0xff])
    writeFileSync(Buffer.concat([Buffer.from(`${root}/`), bytes]), '')
    t.match(await tell(2, [bytes, 'file']), [{ type: 'told', id: 2 }], 'a name is bytes')
    if (engine.supports.has('byteNames'))
      t.ok(existsSync(Buffer.concat([Buffer.from(`${mountpoint}/`), bytes])))
    await stop()
  })

  const unprivileged =
    process.getuid?.() !== 0
      ? 'needs root, to become somebody else'
      : available('unshare', 'setpriv', 'fusermount', 'fusermount3')
  t.test('an ordinary user mounts through fusermount', { skip: unprivileged }, async (t) => {
    const { root, mountpoint } = places()
    mkdirSync(mountpoint)
    for (const path of [root, mountpoint, join(root, 'file')]) chownSync(path, 1, 1)
    for (let path = root; path !== tmpdir(); path = join(path, '..')) chmodSync(path, 0o755)
    // A device of its own in a mount namespace: this machine's may be closed to others.
    const device = join(root, '../fuse')
    mknodat(-100, device, S.IFCHR | 0o666, makedev(10, 229))
    chmodSync(device, 0o666)
    const program = fileURLToPath(new URL('../fixtures/ordinary-mount.js', import.meta.url))
    // Without the test runner's preload, which writes where this user may not.
    const command =
      'mount --bind "$0" /dev/fuse && exec env -u NODE_OPTIONS setpriv --reuid 1 --regid 1 --clear-groups "$@"'
    const said = execFileSync(
      'unshare',
      ['-m', 'sh', '-c', command, device, process.execPath, program, engine.name, root, mountpoint],
      { encoding: 'utf8' },
    )
    t.strictSame(JSON.parse(said), { type: 'fuse.twofold', said: ['written', '1 644', ''], left: false })
    t.equal(readFileSync(join(root, 'file'), 'utf8'), 'written\n')
  })
}

for (const engine of engines) {
  const reason = process.getuid?.() === 0 ? engine.unavailable() : 'needs root'
  t.test(`by the engine ${engine.name}`, { skip: reason ?? false }, async (t) => cases(t, engine))
}
