import { execFileSync, spawn } from 'node:child_process'
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { errno } from '../../../lib/sys/errno.ts'
import { cstring } from '../../../lib/sys/libc.ts'
import { O, RENAME } from '../../../lib/sys/open.ts'
import { emptyStat } from '../../../lib/sys/stat.ts'
import { emptyStatFs } from '../../../lib/sys/statfs.ts'
import { identify } from '../../../lib/tree/root.ts'
import { openDiskFilesystem } from '../../../mount/disk/filesystem.ts'
import type { DiskSource } from '../../../mount/disk/source.ts'
import {
  NO_HANDLE,
  ROOT,
  SET,
  noChanges,
  type Entry,
  type Filesystem,
  type NodeId,
  type Opened,
} from '../../../mount/filesystem.ts'

const name = (text: string | Buffer) => cstring(Buffer.from(text))
const newEntry = (): Entry => ({ node: 0 as NodeId, attributes: emptyStat() })
const newOpened = (): Opened => ({ handle: NO_HANDLE, mode: 0 })
const noChange = noChanges()
const nothing = { nodes: 0, lookups: 0, handles: 0, refusedHandles: 0, descriptors: 0 }

function fresh(t: Test, more: Partial<DiskSource> = {}): { root: string; filesystem: Filesystem } {
  const root = join(t.testdir({ root: {} }), 'root')
  const source = { root, identity: null, readOnly: false, crossDevices: false, maxDescriptors: 0, ...more }
  const filesystem = openDiskFilesystem(source, null)
  t.teardown(() => filesystem.close())
  return { root, filesystem }
}

/** Walks `path` by lookups: the node, each step counted once, or minus the errno. */
function walk(filesystem: Filesystem, path: string): number {
  const entry = newEntry()
  let node = ROOT
  for (const segment of path.split('/')) {
    const result = filesystem.lookup(node, name(segment), entry)
    if (result < 0) return result
    node = entry.node
  }
  return node
}
const node = (filesystem: Filesystem, path: string) => walk(filesystem, path) as NodeId

/** Names in the order read; `room` entries an answer. */
function list(filesystem: Filesystem, directory: NodeId, room = Infinity, withNodes = false): string[] {
  const opened = newOpened()
  if (filesystem.opendir(directory, null, opened) < 0) throw new Error('opendir')
  const names: string[] = []
  let offset = 0n
  for (;;) {
    let left = room
    let added = 0
    const result = filesystem.readdir(opened.handle, offset, withNodes, {
      fits: () => left-- > 0,
      add: (entry, found) => {
        added++
        const bytes = Buffer.from(entry.bytes)
        names.push(bytes.toString('utf8', entry.nameStart, entry.nameEnd))
        offset = bytes.readBigInt64LE(entry.at + 8)
        if (found !== null && found.node !== 0) filesystem.forget(found.node, 1)
      },
    })
    if (result < 0) throw new Error(`readdir: ${result}`)
    if (added === 0) break
  }
  filesystem.releasedir(opened.handle)
  return names.filter((entry) => entry !== '.' && entry !== '..')
}

const descriptors = () => readdirSync('/proc/self/fd').length

t.test('lookups, handles and descriptors return to nothing', async (t) => {
  const { root, filesystem } = fresh(t)
  mkdirSync(join(root, 'a/b/c'), { recursive: true })
  writeFileSync(join(root, 'a/b/c/file'), 'x')
  const before = descriptors()
  const opened = newOpened()
  const file = node(filesystem, 'a/b/c/file')
  t.equal(filesystem.open(file, O.RDONLY, null, opened), 0)
  t.match(filesystem.usage(), { nodes: 4, lookups: 4, handles: 1 })
  t.equal(node(filesystem, 'a/b/c/file'), file, 'the same file is the same node')
  t.equal(filesystem.usage().lookups, 8)
  const directory = node(filesystem, 'a')
  const inner = node(filesystem, 'a/b')
  const innermost = node(filesystem, 'a/b/c')
  filesystem.forget(directory, 5)
  filesystem.forget(inner, 4)
  filesystem.forget(innermost, 3)
  filesystem.forget(file, 2)
  t.match(filesystem.usage(), { lookups: 0, handles: 1 }, 'an open handle keeps its node')
  filesystem.release(opened.handle)
  t.strictSame(filesystem.usage(), nothing)
  t.equal(descriptors(), before)
  t.equal(filesystem.getattr(file, NO_HANDLE, emptyStat()), -errno.ESTALE)
})

t.test('a name that means another file is another node, and the old one is stale', async (t) => {
  const { root, filesystem } = fresh(t)
  writeFileSync(join(root, 'file'), 'old')
  const old = node(filesystem, 'file')
  unlinkSync(join(root, 'file'))
  await pause(10)
  writeFileSync(join(root, 'file'), 'newer')
  t.equal(filesystem.getattr(old, NO_HANDLE, emptyStat()), -errno.ESTALE)
  t.equal(filesystem.open(old, O.RDONLY, null, newOpened()), -errno.ESTALE)
  const now = node(filesystem, 'file')
  t.not(now, old, 'even when the inode number came again')
  const stat = emptyStat()
  t.equal(filesystem.getattr(now, NO_HANDLE, stat), 0)
  t.equal(stat.size, 5)
})

t.test('a removed file lives while it is known, by node and by handle', async (t) => {
  const { filesystem } = fresh(t)
  const [entry, opened, stat] = [newEntry(), newOpened(), emptyStat()]
  t.equal(filesystem.create(ROOT, name('file'), O.RDWR, 0o600, null, entry, opened), 0)
  t.equal(filesystem.write(opened.handle, 0, Buffer.from('..content'), 2, 7), 7)
  t.equal(filesystem.unlink(ROOT, name('file'), null), 0)
  t.equal(filesystem.getattr(entry.node, NO_HANDLE, stat), 0)
  t.match(stat, { size: 7, nlink: 0 })
  filesystem.release(opened.handle)
  t.equal(filesystem.getattr(entry.node, NO_HANDLE, stat), 0, 'the kernel still has its inode')
  t.equal(filesystem.open(entry.node, O.RDONLY, null, opened), 0)
  const bytes = Buffer.alloc(16)
  t.equal(filesystem.read(opened.handle, 0, bytes, 4, 12), 7)
  t.equal(bytes.toString('utf8', 4, 11), 'content')
  filesystem.release(opened.handle)
  filesystem.forget(entry.node, 1)
  t.strictSame(filesystem.usage(), nothing)
})

t.test('descriptors stay few in a large tree, and every directory is still reached', async (t) => {
  const { root, filesystem } = fresh(t, { maxDescriptors: 16 })
  for (let i = 0; i < 100; i++) {
    mkdirSync(join(root, `d${i}/inner`), { recursive: true })
    writeFileSync(join(root, `d${i}/inner/file`), `${i}`)
  }
  const [entry, stat] = [newEntry(), emptyStat()]
  const files = Array.from({ length: 100 }, (_, i) => node(filesystem, `d${i}/inner/file`))
  t.ok(filesystem.usage().descriptors <= 16)
  for (const [i, file] of files.entries()) {
    if (filesystem.getattr(file, NO_HANDLE, stat) !== 0) t.fail(`file ${i}`)
    t.equal(stat.size, `${i}`.length)
  }
  for (let i = 0; i < 99; i++) {
    const [from, to] = [node(filesystem, `d${i}/inner`), node(filesystem, `d${i + 1}/inner`)]
    t.equal(filesystem.rename(from, name('file'), to, name(`from-${i}`), 0, null), 0)
    t.equal(filesystem.mkdir(from, name('made'), 0o700, null, entry), 0)
  }
  t.ok(filesystem.usage().descriptors <= 16)
  for (let i = 1; i < 99; i++)
    t.strictSame(readdirSync(join(root, `d${i}/inner`)).sort(), [`from-${i - 1}`, 'made'])
})

t.test(
  'a directory that the host moved is stale when its descriptor was given up, and found anew',
  async (t) => {
    const { root, filesystem } = fresh(t, { maxDescriptors: 16 })
    mkdirSync(join(root, 'moved/inner'), { recursive: true })
    const inner = node(filesystem, 'moved/inner')
    for (let i = 0; i < 64; i++) {
      mkdirSync(join(root, `other${i}/x`), { recursive: true })
      node(filesystem, `other${i}/x`)
      list(filesystem, node(filesystem, `other${i}`))
    }
    renameSync(join(root, 'moved'), join(root, 'elsewhere'))
    t.equal(filesystem.lookup(inner, name('absent'), newEntry()), -errno.ESTALE)
    t.equal(node(filesystem, 'elsewhere/inner'), inner)
    t.equal(filesystem.lookup(inner, name('absent'), newEntry()), -errno.ENOENT)
  },
)

t.test('.twofold exists at no level', async (t) => {
  const { root, filesystem } = fresh(t)
  mkdirSync(join(root, '.twofold/staged'), { recursive: true })
  mkdirSync(join(root, 'dir/.twofold'), { recursive: true })
  writeFileSync(join(root, 'dir/.twofold-not'), '')
  const [entry, opened] = [newEntry(), newOpened()]
  for (const parent of [ROOT, node(filesystem, 'dir')]) {
    const hidden = name('.twofold')
    t.equal(filesystem.lookup(parent, hidden, entry), -errno.ENOENT)
    t.equal(filesystem.rmdir(parent, hidden, null), -errno.ENOENT)
    t.equal(filesystem.unlink(parent, hidden, null), -errno.ENOENT)
    t.equal(filesystem.mkdir(parent, hidden, 0o700, null, entry), -errno.EPERM)
    t.equal(filesystem.create(parent, hidden, O.RDWR, 0o600, null, entry, opened), -errno.EPERM)
    t.equal(filesystem.symlink(parent, hidden, name('x'), null, entry), -errno.EPERM)
    t.equal(filesystem.mknod(parent, hidden, 0o100600, 0n, null, entry), -errno.EPERM)
    t.equal(filesystem.rename(parent, hidden, parent, name('x'), 0, null), -errno.ENOENT)
    t.equal(filesystem.rename(ROOT, name('dir'), parent, hidden, 0, null), -errno.EPERM)
  }
  t.strictSame(list(filesystem, ROOT), ['dir'])
  t.strictSame(list(filesystem, node(filesystem, 'dir')), ['.twofold-not'])
})

t.test('a listing is given out in pieces of any size, each entry once', async (t) => {
  const { root, filesystem } = fresh(t)
  const wanted = Array.from({ length: 2500 }, (_, i) => `name-${i}`).sort()
  for (const file of wanted) writeFileSync(join(root, file), '')
  for (const room of [1, 7, 100, Infinity]) {
    t.strictSame(list(filesystem, ROOT, room, room === 7).sort(), wanted, `${room} at a time`)
  }
  t.match(filesystem.usage(), { nodes: 0, lookups: 0, handles: 0 }, 'what did not fit was not counted')
})

t.test('names are bytes', async (t) => {
  const { root, filesystem } = fresh(t)
  const bytes = Buffer.from([0xff, 0x80, 0x41])
  const [entry, opened, stat] = [newEntry(), newOpened(), emptyStat()]
  t.equal(filesystem.create(ROOT, name(bytes), O.RDWR, 0o600, null, entry, opened), 0)
  filesystem.release(opened.handle)
  t.equal(filesystem.getattr(entry.node, NO_HANDLE, stat), 0)
  t.strictSame(readdirSync(root, { encoding: 'buffer' }), [bytes])
})

t.test('names change places, and nodes with them', async (t) => {
  const { root, filesystem } = fresh(t)
  mkdirSync(join(root, 'left'))
  mkdirSync(join(root, 'right'))
  writeFileSync(join(root, 'left/file'), 'from left')
  writeFileSync(join(root, 'right/file'), 'right')
  const [left, right] = [node(filesystem, 'left'), node(filesystem, 'right')]
  const file = node(filesystem, 'left/file')
  t.equal(filesystem.rename(left, name('file'), right, name('file'), RENAME.EXCHANGE, null), 0)
  t.equal(node(filesystem, 'right/file'), file)
  t.equal(filesystem.rename(left, name('file'), right, name('file'), RENAME.NOREPLACE, null), -errno.EEXIST)
  t.equal(filesystem.rename(left, name('file'), right, name('file'), RENAME.WHITEOUT, null), -errno.EINVAL)
  t.equal(filesystem.rename(left, name('file'), right, name('file'), 0, null), 0)
  const stat = emptyStat()
  t.equal(filesystem.getattr(file, NO_HANDLE, stat), 0)
  t.equal(stat.nlink, 0, 'what was replaced is known on, without a name')
})

t.test('a file with several names is one node, whichever is taken away', async (t) => {
  const { root, filesystem } = fresh(t)
  writeFileSync(join(root, 'one'), 'x')
  linkSync(join(root, 'one'), join(root, 'two'))
  const one = node(filesystem, 'one')
  t.equal(node(filesystem, 'two'), one)
  const [entry, stat] = [newEntry(), emptyStat()]
  t.equal(filesystem.link(one, ROOT, name('three'), null, entry), 0)
  t.equal(entry.node, one)
  t.equal(entry.attributes.nlink, 3)
  for (const gone of ['three', 'two']) {
    t.equal(filesystem.unlink(ROOT, name(gone), null), 0)
    t.equal(filesystem.getattr(one, NO_HANDLE, stat), 0)
  }
  t.equal(stat.nlink, 1)
  t.equal(filesystem.open(one, O.RDONLY, null, newOpened()), 0)
})

t.test('a read-only disk changes nothing', async (t) => {
  const { root } = fresh(t)
  writeFileSync(join(root, 'file'), 'kept')
  const source = { root, identity: null, readOnly: true, crossDevices: false, maxDescriptors: 0 }
  const filesystem = openDiskFilesystem(source, null)
  t.teardown(() => filesystem.close())
  const [entry, opened, file] = [newEntry(), newOpened(), node(filesystem, 'file')]
  const refusals = [
    filesystem.mkdir(ROOT, name('d'), 0o700, null, entry),
    filesystem.mknod(ROOT, name('n'), 0o100600, 0n, null, entry),
    filesystem.symlink(ROOT, name('s'), name('x'), null, entry),
    filesystem.link(file, ROOT, name('l'), null, entry),
    filesystem.unlink(ROOT, name('file'), null),
    filesystem.rmdir(ROOT, name('file'), null),
    filesystem.rename(ROOT, name('file'), ROOT, name('x'), 0, null),
    filesystem.create(ROOT, name('c'), O.RDWR, 0o600, null, entry, opened),
    filesystem.tmpfile(ROOT, O.RDWR, 0o600, null, entry, opened),
    filesystem.open(file, O.RDWR, null, opened),
    filesystem.open(file, O.RDONLY | O.TRUNC, null, opened),
    filesystem.setattr(file, NO_HANDLE, { ...noChange, set: SET.MODE }, null, emptyStat()),
    filesystem.setxattr(file, name('user.x'), Buffer.alloc(1), 0, 1, 0, null),
    filesystem.removexattr(file, name('user.x'), null),
    filesystem.access(file, 2, null),
  ]
  t.ok(
    refusals.every((result) => result === -errno.EROFS),
    refusals.join(),
  )
  t.equal(filesystem.open(file, O.RDONLY, null, opened), 0)
  t.equal(filesystem.write(opened.handle, 0, Buffer.alloc(1), 0, 1), -errno.EROFS)
  t.equal(filesystem.fallocate(opened.handle, 0, 0, 1), -errno.EROFS)
  t.equal(filesystem.statfs(file, emptyStatFs()), 0)
  t.equal(readFileSync(join(root, 'file'), 'utf8'), 'kept')
})

t.test('a root that goes away is EIO, and is there again when it comes back', async (t) => {
  const { root, filesystem } = fresh(t)
  mkdirSync(join(root, 'dir'))
  writeFileSync(join(root, 'dir/file'), 'x')
  const before = descriptors()
  const file = node(filesystem, 'dir/file')
  renameSync(root, `${root}-away`)
  mkdirSync(root)
  await pause(1100)
  t.equal(filesystem.lookup(ROOT, name('dir'), newEntry()), -errno.EIO, 'never an empty directory')
  t.equal(filesystem.getattr(file, NO_HANDLE, emptyStat()), -errno.EIO)
  t.equal(filesystem.mkdir(ROOT, name('new'), 0o700, null, newEntry()), -errno.EIO)
  t.equal(filesystem.opendir(ROOT, null, newOpened()), -errno.EIO)
  t.ok(descriptors() < before, 'no descriptor keeps what went away')
  rmSync(root, { recursive: true })
  renameSync(`${root}-away`, root)
  await pause(1100)
  t.equal(filesystem.getattr(file, NO_HANDLE, emptyStat()), 0)
  t.equal(node(filesystem, 'dir/file'), file)
})

t.test('a root that is not who it was opens as EIO', async (t) => {
  const { root } = fresh(t)
  const identity = { ...identify(root), ino: '1' }
  const source = { root, identity, readOnly: false, crossDevices: false, maxDescriptors: 0 }
  const other = openDiskFilesystem(source, null)
  t.teardown(() => other.close())
  t.equal(other.getattr(ROOT, NO_HANDLE, emptyStat()), -errno.EIO)
  const itself = openDiskFilesystem({ ...source, identity: identify(root) }, null)
  t.teardown(() => itself.close())
  t.equal(itself.getattr(ROOT, NO_HANDLE, emptyStat()), 0)
})

t.test(
  'what is mounted inside is shown only across devices',
  { skip: process.getuid?.() !== 0 && 'needs root' },
  async (t) => {
    const { root } = fresh(t)
    mkdirSync(join(root, 'mounted'))
    execFileSync('mount', ['-t', 'tmpfs', 'twofold-test', join(root, 'mounted')])
    try {
      writeFileSync(join(root, 'mounted/inside'), 'x')
      for (const crossDevices of [false, true]) {
        const source = { root, identity: null, readOnly: false, crossDevices, maxDescriptors: 0 }
        const filesystem = openDiskFilesystem(source, null)
        t.equal(walk(filesystem, 'mounted/inside') > 0, crossDevices)
        t.strictSame(list(filesystem, ROOT), crossDevices ? ['mounted'] : [])
        t.strictSame(list(filesystem, ROOT, 3, true), crossDevices ? ['mounted'] : [])
        filesystem.close()
      }
    } finally {
      execFileSync('umount', [join(root, 'mounted')])
    }
  },
)

t.test(
  'a file that is mounted on a name inside is not opened by making that name',
  { skip: process.getuid?.() !== 0 && 'needs root' },
  async (t) => {
    const { root, filesystem } = fresh(t)
    const outside = `${root}-elsewhere`
    writeFileSync(outside, 'outside')
    writeFileSync(join(root, 'covered'), '')
    execFileSync('mount', ['--bind', outside, join(root, 'covered')])
    try {
      const flags = O.WRONLY | O.TRUNC
      t.equal(
        filesystem.create(ROOT, name('covered'), flags, 0o644, null, newEntry(), newOpened()),
        -errno.EEXIST,
      )
      t.equal(readFileSync(outside, 'utf8'), 'outside')
    } finally {
      execFileSync('umount', [join(root, 'covered')])
    }
  },
)

t.test('nothing leaves the root while directories and links change places', async (t) => {
  const { root, filesystem } = fresh(t)
  const outside = `${root}-outside`
  mkdirSync(outside)
  writeFileSync(join(outside, 'file'), 'outside')
  mkdirSync(join(root, 'real'))
  writeFileSync(join(root, 'real/file'), 'inside')
  symlinkSync(outside, join(root, 'link'))
  const script = `
    const { renameSync } = require('node:fs')
    process.chdir(${JSON.stringify(root)})
    for (let i = 0; i < 200000; i++) {
      renameSync('real', 'x'); renameSync('link', 'real'); renameSync('x', 'link')
      renameSync('real', 'x'); renameSync('link', 'real'); renameSync('x', 'link')
    }`
  const racer = spawn(process.execPath, ['-e', script], { stdio: 'ignore' })
  const [entry, opened, bytes] = [newEntry(), newOpened(), Buffer.alloc(16)]
  let reached = 0
  for (let i = 0; i < 10_000; i++) {
    const directory = walk(filesystem, 'real')
    if (directory < 0) continue
    const found = filesystem.lookup(directory as NodeId, name('file'), entry)
    if (found === 0 && filesystem.open(entry.node, O.RDONLY, null, opened) === 0) {
      const length = filesystem.read(opened.handle, 0, bytes, 0, 16)
      if (bytes.toString('utf8', 0, length) !== 'inside') t.fail('it read what lies outside')
      filesystem.release(opened.handle)
      reached++
    }
    if (filesystem.create(directory as NodeId, name('made'), O.RDWR, 0o600, null, entry, opened) === 0) {
      filesystem.release(opened.handle)
      filesystem.unlink(directory as NodeId, name('made'), null)
    }
  }
  racer.kill('SIGKILL')
  t.ok(reached > 0, `${reached} reads won the race`)
  t.notOk(existsSync(join(outside, 'made')))
  t.equal(statSync(join(outside, 'file')).size, 7)
})
