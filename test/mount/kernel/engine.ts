import { execFileSync, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
  type BigIntStats,
} from 'node:fs'
import { copyFile, open, truncate, unlink } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { defaultMountOptions, type Change, type MountOptions } from '../../../mount/engine.ts'
import { kernelEngine } from '../../../mount/kernel/engine.ts'
import { mappings } from '../../fixtures/posix/mappings.ts'

const reason = kernelEngine.unavailable() ?? (process.getuid?.() === 0 ? null : 'mounting here needs root')
const askingMount = fileURLToPath(new URL('../../fixtures/asking-mount.js', import.meta.url))
const only = { skip: reason ?? false }

const linkOf = (path: string): string => {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

async function shown(t: Test, options: Partial<MountOptions> = {}) {
  const directory = t.testdir({ root: { file: 'before', sub: {} }, mount: {} })
  const root = join(directory, 'root')
  const mount = join(directory, 'mount')
  const session = await kernelEngine.start(
    { root, identity: null, readOnly: false, crossDevices: false, maxDescriptors: 0 },
    mount,
    { ...defaultMountOptions, ...options },
  )
  const end = async () => {
    await session.unmount(true)
    // Another mount namespace may hold a copy.
    await Promise.race([session.closed, pause(3000)])
  }
  return { root, mount, session, end }
}

t.test('what changed on the host is seen once the kernel is told', only, async (t) => {
  const { root, mount, session, end } = await shown(t, { attributeTimeout: 600, entryTimeout: 600 })
  try {
    t.equal(statSync(join(mount, 'file')).size, 6)
    writeFileSync(join(root, 'new'), 'longer than before')
    renameSync(join(root, 'new'), join(root, 'file'))
    t.equal(statSync(join(mount, 'file')).size, 6, 'kept for as long as it may')
    const { dev, ino } = statSync(root, { bigint: true })
    await session.invalidate([{ directory: { dev, ino }, name: Buffer.from('file') }])
    t.equal(statSync(join(mount, 'file')).size, 18)
    await session.invalidate([{ directory: { dev, ino: ino + 10_000_000n }, name: Buffer.from('file') }])
    t.pass('a directory that nobody looked at concerns nobody')
  } finally {
    await end()
  }
})

/** Told by name, and by what each name led to before where that is said. */
const changesIn = (directory: string, names: Record<string, BigIntStats | undefined>): Change[] => {
  const { dev, ino } = statSync(directory, { bigint: true })
  return Object.entries(names).map(([name, before]) => ({
    directory: { dev, ino },
    name: Buffer.from(name),
    ...(before && { before: { dev: before.dev, ino: before.ino } }),
  }))
}

const forLong = { attributeTimeout: 600, entryTimeout: 600, passthrough: false }

t.test('names that came, went and were replaced are seen once the kernel is told', only, async (t) => {
  const { root, mount, session, end } = await shown(t, forLong)
  const open: number[] = []
  try {
    const rootFile = (name: string) => join(root, name)
    for (const name of ['went', 'replaced']) writeFileSync(rootFile(name), 'as it was')
    linkSync(rootFile('replaced'), rootFile('link'))
    const before = (name: string) => statSync(rootFile(name), { bigint: true })
    const [went, replaced] = [before('went'), before('replaced')]
    for (const name of ['went', 'replaced', 'link']) {
      t.equal(statSync(join(mount, name)).size, 9)
      open.push(openSync(join(mount, name), 'r'))
    }
    t.notOk(existsSync(join(mount, 'came')))
    const { mtimeMs } = statSync(mount)
    await pause(10)
    writeFileSync(rootFile('came'), 'came')
    unlinkSync(rootFile('went'))
    writeFileSync(rootFile('new'), 'longer than it was')
    renameSync(rootFile('new'), rootFile('replaced'))
    await session.invalidate(changesIn(root, { came: undefined, went, replaced }))
    t.equal(readFileSync(join(mount, 'came'), 'utf8'), 'came')
    t.notOk(existsSync(join(mount, 'went')))
    t.equal(readFileSync(join(mount, 'replaced'), 'utf8'), 'longer than it was')
    t.not(statSync(mount).mtimeMs, mtimeMs, 'the directory has its new time')
    const links = open.map((fd) => fstatSync(fd).nlink)
    t.same(links, [0, 1, 1], 'what is open knows how many names are left to it')
    t.equal(statSync(join(mount, 'link')).nlink, 1)
    for (const fd of open) t.equal(readFileSync(fd, 'utf8'), 'as it was', 'and keeps its bytes')
    t.same(readdirSync(mount).sort(), ['came', 'file', 'link', 'replaced', 'sub'])
  } finally {
    for (const fd of open) closeSync(fd)
    await end()
  }
})

t.test('a file changed in place shows its new bytes to who has it open', only, async (t) => {
  const { root, mount, session, end } = await shown(t, forLong)
  const fd = openSync(join(mount, 'file'), 'r')
  try {
    const bytes = Buffer.alloc(16)
    t.equal(readSync(fd, bytes, 0, 16, 0), 6)
    writeFileSync(join(root, 'file'), 'in place')
    await session.invalidate(changesIn(root, { file: undefined }))
    t.equal(fstatSync(fd).size, 8)
    t.equal(bytes.toString('utf8', 0, readSync(fd, bytes, 0, 16, 0)), 'in place')
    t.equal(readlinkSync(`/proc/self/fd/${fd}`), join(mount, 'file'), 'which nobody calls deleted')
  } finally {
    closeSync(fd)
    await end()
  }
})

t.test('a directory that the kernel is told of stays where it is for who works in it', only, async (t) => {
  const { root, mount, session, end } = await shown(t, forLong)
  const program = spawn('cat', { cwd: join(mount, 'sub') })
  try {
    await once(program, 'spawn')
    await session.invalidate(changesIn(root, { sub: undefined }))
    t.equal(readlinkSync(`/proc/${program.pid}/cwd`), join(mount, 'sub'))
  } finally {
    program.stdin.end()
    await once(program, 'exit')
    await end()
  }
})

t.test('a name that no entry can have is told to nobody', only, async (t) => {
  const { root, mount, session, end } = await shown(t, forLong)
  try {
    t.equal(statSync(join(mount, 'file')).size, 6)
    writeFileSync(join(root, 'file'), 'longer than before')
    const bad = ['', 'a\0b', '../root', '..', 'x'.repeat(256)]
    await session.invalidate(
      changesIn(root, Object.fromEntries([...bad, 'file'].map((name) => [name, undefined]))),
    )
    t.equal(statSync(join(mount, 'file')).size, 18, 'the others are')
  } finally {
    await end()
  }
})

t.test('birth times are the host’s, or not shown at all', only, async (t) => {
  for (const birthTimes of [true, false]) {
    const { root, mount, session, end } = await shown(t, { birthTimes })
    try {
      const { birthtimeNs } = statSync(join(mount, 'file'), { bigint: true })
      const { operations } = await session.statistics()
      if (birthTimes) t.equal(birthtimeNs, statSync(join(root, 'file'), { bigint: true }).birthtimeNs)
      for (const name of readdirSync(mount)) statSync(join(mount, name))
      const asked = (await session.statistics()).operations['STATX']?.count ?? 0
      t.equal(asked > (operations['STATX']?.count ?? 0), birthTimes, 'the kernel asks for them')
    } finally {
      await end()
    }
  }
})

t.test('slow calls are answered by the lanes, each with its own answer', only, async (t) => {
  const { mount, root, end } = await shown(t)
  try {
    const fd = openSync(join(mount, 'synced'), 'w')
    for (let i = 0; i < 20; i++) {
      writeSync(fd, 'x')
      fsyncSync(fd)
    }
    closeSync(fd)
    const files = await Promise.all(
      Array.from({ length: 16 }, (_, i) => open(join(mount, `parallel-${i}`), 'w')),
    )
    for (let round = 0; round < 10; round++) {
      await Promise.all(
        files.map(async (file) => {
          await file.write('y')
          await (round % 2 === 0 ? file.sync() : file.datasync())
        }),
      )
    }
    await Promise.all(files.map((file) => file.close()))
    t.equal(readFileSync(join(root, 'parallel-7'), 'utf8'), 'y'.repeat(10))
    await copyFile(join(mount, 'synced'), join(mount, 'copied'))
    t.equal(readFileSync(join(root, 'copied'), 'utf8'), 'x'.repeat(20))
    const large = await open(join(mount, 'large'), 'w+')
    for (const size of [1_000_000, 5]) {
      await large.write(Buffer.alloc(20 << 20, 'z'), 0, 20 << 20, 0)
      if (size === 5) await large.truncate(size)
      else await truncate(join(mount, 'large'), size)
      t.equal((await large.stat()).size, size)
      t.equal(readFileSync(join(root, 'large'), 'utf8'), 'z'.repeat(size))
    }
    await large.write(Buffer.alloc(20 << 20, 'z'))
    await unlink(join(mount, 'large'))
    t.equal((await large.stat()).nlink, 0)
    await large.close()
    let held = [root]
    for (let i = 0; i < 1000 && held.length > 0; i++) {
      held = readdirSync('/proc/self/fd')
        .map((fd) => linkOf(`/proc/self/fd/${fd}`))
        .filter((path) => path.startsWith(join(root, 'large')))
      if (held.length > 0) await pause(20)
    }
    t.same(held, [], 'a large file without a name is let go')
  } finally {
    await end()
  }
})

t.test('nothing is held once the kernel has forgotten', only, async (t) => {
  const { mount, session, end } = await shown(t)
  try {
    for (let i = 0; i < 200; i++) {
      mkdirSync(join(mount, `d${i}`))
      writeFileSync(join(mount, `d${i}`, 'f'), 'f')
    }
    t.equal(readdirSync(mount).length, 202)
    // Held open, so that nobody else who drops the machine's caches takes them away.
    const open = Array.from({ length: 200 }, (_, i) => openSync(join(mount, `d${i}`, 'f'), 'r'))
    const busy = await session.statistics()
    t.ok(busy.nodes >= 400)
    t.equal(busy.handles, 200)
    t.ok((busy.operations['CREATE']?.count ?? 0) >= 200)
    for (const fd of open) closeSync(fd)
    // Drops what the kernel caches of names and inodes, and with them ours.
    writeFileSync('/proc/sys/vm/drop_caches', '2')
    let nodes = busy.nodes
    for (let i = 0; i < 50 && nodes > 1; i++) {
      await pause(100)
      nodes = (await session.statistics()).nodes
    }
    t.ok(nodes <= 1, `${nodes} nodes are left`)
    const { descriptors, handles } = await session.statistics()
    t.ok(descriptors <= 1, `${descriptors} descriptors are left`)
    t.equal(handles, 0)
  } finally {
    await end()
  }
})

t.test('a copy in another mount namespace keeps nobody from unmounting', only, async (t) => {
  const { mount, session } = await shown(t)
  const mountsOf = (pid: number | 'self') =>
    readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(` ${mount} `)
  const other = spawn('unshare', ['--mount', '--propagation', 'private', 'sleep', '600'])
  const pid = other.pid ?? 0
  while (!readFileSync(`/proc/${pid}/cmdline`, 'latin1').startsWith('sleep')) await pause(20)
  t.ok(mountsOf(pid))
  await session.unmount(false)
  t.notOk(mountsOf('self'))
  t.ok(mountsOf(pid))
  other.kill('SIGKILL')
  await session.closed
  t.pass('it ends with the last copy')
})

t.test('what nobody reads of the trace ends no mount', only, async (t) => {
  const directory = t.testdir({ root: {}, mount: {} })
  const mount = join(directory, 'mount')
  const child = fork(askingMount, [join(directory, 'root'), mount, 'trace'], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { PATH: process.env['PATH'] ?? '' },
  })
  const ended = once(child, 'exit')
  child.stderr?.destroy()
  let asked = 0
  child.on('message', () => asked++)
  while (asked < 100 && child.exitCode === null) await Promise.race([pause(20), ended])
  t.equal(child.exitCode, null, 'it serves on')
  child.kill('SIGKILL')
  await ended
  execFileSync('umount', ['-l', mount])
})

t.test('killed while it asks its own mount, the process ends and the mount dies with it', only, async (t) => {
  const directory = t.testdir({ root: {}, mount: {} })
  const mount = join(directory, 'mount')
  for (let round = 0; round < 5; round++) {
    const child = fork(askingMount, [join(directory, 'root'), mount], {
      env: { PATH: process.env['PATH'] ?? '' },
    })
    const ended = once(child, 'exit')
    let asked = 0
    child.on('message', () => asked++)
    while (asked < 20) await Promise.race([pause(10 + round * 3), ended])
    child.kill('SIGKILL')
    const hangs = pause(10_000, 'it hangs', { ref: false })
    const how = await Promise.race([ended.then(([, signal]: unknown[]) => signal), hangs])
    // Which ends a process that hangs, too; whatever else asks the mount would hang with it.
    execFileSync('umount', ['-f', '-l', mount])
    t.equal(how, 'SIGKILL')
  }
})

t.test('with and without passthrough the bytes are the same', only, async (t) => {
  for (const passthrough of [true, false]) {
    const { mount, root, session, end } = await shown(t, { passthrough })
    try {
      const bytes = Buffer.alloc(3 << 20, 'abcdefg')
      writeFileSync(join(mount, 'bytes'), bytes)
      t.ok(readFileSync(join(mount, 'bytes')).equals(bytes))
      t.ok(readFileSync(join(root, 'bytes')).equals(bytes))
      const { bytesWritten, passthrough: does } = await session.statistics()
      t.equal(bytesWritten, does ? null : bytes.length, 'unknown bytes are not called zero')
      if (!passthrough) t.notOk(does)
      await mappings(t, { supports: kernelEngine.supports, fresh: () => mount, without: () => false })
    } finally {
      await end()
    }
    t.notOk(existsSync(join(mount, 'bytes')))
  }
})
