/** A mount whose host's file system is frozen, as for a snapshot: who changes something waits, and nobody else. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { chmod, open, readdir, readFile, readlink, stat, symlink, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { errno } from '../../lib/sys/errno.ts'
import { FreezeProbe } from '../../lib/sys/freeze-probe.ts'
import { AT_FDCWD, close, O, openat2 } from '../../lib/sys/open.ts'
import { Parked } from '../../mount/kernel/parked.ts'
import { Request } from '../../mount/kernel/protocol/codec.ts'
import { OPCODE } from '../../mount/kernel/protocol/opcode-numbers.ts'
import { loopExt4 } from '../fixtures/loop-ext4.ts'
import { mounted } from '../fixtures/mounted.ts'

const host = loopExt4('32M')

/** Why freezing can't be tried here. */
function reason(): string | false {
  if (host === undefined) return 'needs root, /dev/fuse, mkfs.ext4 and loop devices'
  const root = openat2(AT_FDCWD, host.disk, O.PATH | O.DIRECTORY)
  const probe = FreezeProbe.of(root)
  close(root)
  if (typeof probe === 'number') return 'this kernel gives us no io_uring'
  probe.close()
  return false
}
const skip = reason()

const freeze = (disk: string) => execFileSync('fsfreeze', ['--freeze', disk])
const thaw = (disk: string) => execFileSync('fsfreeze', ['--unfreeze', disk])

/** What is asked of the mount by another process as another user, and how it ended. */
function asked(uid: number, command: string, cwd: string): ChildProcess {
  return spawn('sh', ['-c', command], { uid, gid: uid, cwd, stdio: 'ignore' })
}
const ended = async (child: ChildProcess): Promise<number | string | null> => {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return child.signalCode ?? child.exitCode
}
const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null

/** Whether somebody waits for the answer to a FUSE request. */
const waits = ({ pid }: ChildProcess): boolean => {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
    return [String(pid), ...children].some((one) => {
      try {
        return /fuse|percpu_rwsem/.test(readFileSync(`/proc/${one}/stack`, 'utf8'))
      } catch {
        return false
      }
    })
  } catch {
    return false
  }
}

const files = ['removed', 'renamed', 'cut', 'mode', 'linked', 'attributed', 'written', 'emptied', 'copied']

async function shown(t: Test, passthrough: 'auto' | 'off') {
  const { directory, disk } = host ?? { directory: '', disk: '' }
  const mount = join(directory, 'mount')
  mkdirSync(join(disk, 'read'))
  writeFileSync(join(disk, 'read/file'), 'file')
  // The kernel lets one at a time change a directory: each has its own.
  for (let i = 0; i < changes.length; i++) {
    const place = join(disk, String(i))
    mkdirSync(join(place, 'sub'), { recursive: true })
    for (const name of files) {
      writeFileSync(join(place, name), 'as it was')
      await chmod(join(place, name), 0o666)
    }
    execFileSync('chown', ['-R', '4001:4001', place])
    await chmod(place, 0o777)
  }
  await symlink('file', join(disk, 'read/link'))
  const session = await mounted(disk, mount, { engine: 'kernel', passthrough, attributeTimeout: 0 })
  let frozen = false
  const control = {
    freeze: () => {
      freeze(disk)
      frozen = true
    },
    thaw: () => {
      if (frozen) thaw(disk)
      frozen = false
    },
  }
  const end = async () => {
    control.thaw()
    await session.stop({ force: true })
    for (const name of readdirSync(disk)) execFileSync('rm', ['-rf', join(disk, name)])
  }
  t.teardown(end)
  /** Everything that reads is answered. */
  const goesOn = async () => {
    t.equal(await readFile(join(mount, 'read/file'), 'utf8'), 'file')
    t.same(await readdir(join(mount, 'read')), ['file', 'link'])
    t.equal(await readlink(join(mount, 'read/link')), 'file')
    t.equal((await stat(join(mount, 'read'))).isDirectory(), true)
    await t.rejects(stat(join(mount, 'read', `none-${Math.random()}`)), { code: 'ENOENT' })
    const file = await open(join(mount, 'read/file'), 'r+')
    t.equal((await file.stat()).size, 4)
    await file.close()
  }
  return { disk, mount, session, ...control, goesOn }
}

/** What each does to `changed`, and how one sees on the host that it was done. */
const changes: readonly (readonly [string, (directory: string) => boolean])[] = [
  ['echo new > created', (at) => readFileSync(join(at, 'created'), 'utf8') === 'new\n'],
  ['mkdir directory', (at) => statSync(join(at, 'directory')).isDirectory()],
  ['mkfifo fifo', (at) => statSync(join(at, 'fifo')).isFIFO()],
  ['ln -s somewhere symlink', (at) => readdirSync(at).includes('symlink')],
  ['ln linked second', (at) => statSync(join(at, 'second')).nlink === 2],
  ['rm removed', (at) => !readdirSync(at).includes('removed')],
  ['rmdir sub', (at) => !readdirSync(at).includes('sub')],
  ['mv renamed other', (at) => readdirSync(at).includes('other') && !readdirSync(at).includes('renamed')],
  ['truncate -s 2 cut', (at) => readFileSync(join(at, 'cut'), 'utf8') === 'as'],
  ['chmod 600 mode', (at) => (statSync(join(at, 'mode')).mode & 0o777) === 0o600],
  ['touch -d @1000 attributed', (at) => statSync(join(at, 'attributed')).mtimeMs === 1_000_000],
  ['echo more >> written', (at) => readFileSync(join(at, 'written'), 'utf8') === 'as it wasmore\n'],
  ['echo new > emptied', (at) => readFileSync(join(at, 'emptied'), 'utf8') === 'new\n'],
  ['fallocate -l 5000 copied', (at) => statSync(join(at, 'copied')).size === 5000],
]

for (const passthrough of ['auto', 'off'] as const) {
  t.test(`who changes what is frozen waits alone, passthrough ${passthrough}`, { skip }, async (t) => {
    const { disk, mount, freeze, thaw, goesOn } = await shown(t, passthrough)
    await goesOn()
    freeze()
    const children: ChildProcess[] = []
    for (const [i, [command]] of changes.entries()) {
      const child = asked(i < 4 && i % 2 === 1 ? 4002 : 4001, command, join(mount, String(i)))
      children.push(child)
      while (!waits(child) && !hasEnded(child)) await pause(10)
      t.notOk(hasEnded(child), `${command} waits`)
      await goesOn()
    }
    thaw()
    for (const [i, [command, isDone]] of changes.entries()) {
      t.equal(await ended(children[i] as ChildProcess), 0, command)
      t.ok(isDone(join(disk, String(i))), `${command} was done`)
    }
    await goesOn()
  })
}

t.test('who waits for a thaw can be killed, and does nothing then', { skip }, async (t) => {
  const { disk, mount, freeze, thaw, goesOn } = await shown(t, 'off')
  freeze()
  const commands = ['mkdir killed', 'rm removed', 'truncate -s 0 cut']
  for (const [i, command] of commands.entries()) {
    const child = asked(4001, `exec ${command}`, join(mount, String(i)))
    while (!waits(child)) await pause(10)
    child.kill('SIGKILL')
    t.equal(await ended(child), 'SIGKILL', command)
    await goesOn()
  }
  thaw()
  await goesOn()
  t.notOk(readdirSync(join(disk, '0')).includes('killed'))
  t.equal(readFileSync(join(disk, '1/removed'), 'utf8'), 'as it was')
  t.equal(readFileSync(join(disk, '2/cut'), 'utf8'), 'as it was')
})

t.test('a file without a name is let go of by a frozen file system when it thaws', { skip }, async (t) => {
  const { mount, session, freeze, thaw, goesOn } = await shown(t, 'off')
  const files = await Promise.all(
    Array.from({ length: 40 }, async (_, i) => {
      const file = await open(join(mount, '0', `gone-${i}`), 'w')
      await file.write('bytes')
      await unlink(join(mount, '0', `gone-${i}`))
      return file
    }),
  )
  const descriptors = () =>
    readdirSync(`/proc/${session.process.pid}/fd`).filter((fd) => {
      try {
        return statSync(`/proc/${session.process.pid}/fd/${fd}`).nlink === 0
      } catch {
        return false
      }
    }).length
  t.ok(descriptors() >= 40)
  freeze()
  for (const file of files) await file.close()
  await goesOn()
  thaw()
  while (descriptors() > 1) await pause(20)
  await goesOn()
})

t.test('a mount whose disk is frozen ends, whoever waits', { skip }, async (t) => {
  const { mount, session, freeze, goesOn } = await shown(t, 'off')
  freeze()
  const child = asked(4001, 'exec mkdir late', join(mount, '0'))
  while (!waits(child)) await pause(10)
  await goesOn()
  await session.stop({ force: true, drain: 400 })
  t.not(await ended(child), 0)
})

t.test('so many may wait, and no more', async (t) => {
  const parked = new Parked()
  const request = new Request(4096)
  const put = (opcode: number, unique: number) => {
    request.opcode = opcode
    request.uniqueLow = unique
    return parked.add(request, 40, -errno.EAGAIN)
  }
  for (let i = 0; i < 1024; i++) t.equal(put(OPCODE.MKDIR, i), 0)
  t.equal(put(OPCODE.MKDIR, 5000), -errno.EAGAIN)
  t.equal(put(OPCODE.RELEASE, 6000), 0, 'what nobody waits for is kept')
  t.equal(parked.interrupt(6000, 0), undefined)
  t.equal(parked.interrupt(7, 0)?.uniqueLow, 7)
  t.equal(put(OPCODE.MKDIR, 5000), 0)
  t.equal(parked.takeAll().length, 1025)
  t.equal(parked.size, 0)
})

t.teardown(() => host?.end())
