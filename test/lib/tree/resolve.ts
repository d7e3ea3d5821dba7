import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Disk, DiskSettings } from '../../../lib/disk.ts'
import { parseKey } from '../../../lib/tree/path.ts'
import { resolve } from '../../../lib/tree/resolve.ts'
import { Root } from '../../../lib/tree/root.ts'
import { adopted } from '../../fixtures/disk.ts'

function open(t: Test, path: string, settings: Partial<DiskSettings> = {}, more: Partial<Disk> = {}) {
  const root = Root.open(adopted(path, settings, more))
  t.teardown(() => root.close())
  /** The content, `directory`, or why not. */
  return (text: string): string => {
    const key = parseKey(text)
    if (key === undefined) return 'no key'
    const found = resolve(root, key)
    if (typeof found === 'string') return found
    const content = text.endsWith('/') ? 'directory' : readFileSync(found.fd, 'utf8')
    closeSync(found.fd)
    return content
  }
}

t.test('a key without a slash is a file, one with a slash a directory', async (t) => {
  const read = open(t, t.testdir({ a: { b: 'bytes' }, f: 'x' }))
  t.equal(read('a/b'), 'bytes')
  t.equal(read('a/'), 'directory')
  t.equal(read('a'), 'NoSuchKey')
  t.equal(read('f/'), 'NoSuchKey')
  t.equal(read('f/x'), 'NoSuchKey')
  t.equal(read('a/none'), 'NoSuchKey')
  t.equal(read('x'.repeat(255)), 'NoSuchKey')
})

/** root/ with links that stay, links that leave and links that go in circles. */
function linked(t: Test): string {
  const dir = t.testdir({
    out: { secret: 'outside' },
    root: { file: 'inside', d: { e: { deep: 'deep' }, f: 'f' }, plain: { x: 'x' } },
  })
  const link = (target: string, name: string) => symlinkSync(target, join(dir, 'root', name))
  link('file', 'to-file')
  link('d', 'to-dir')
  link('d/e/../f', 'through')
  link(join(dir, 'root', 'd', 'f'), 'absolute')
  link('/mnt/mounted/d/f', 'by-mount')
  link('/mnt/mounted-not/d/f', 'by-other')
  link('../out/secret', 'outward')
  link('../out', 'outward-dir')
  link('../root/file', 'out-and-back')
  link(join(dir, 'out', 'secret'), 'outward-absolute')
  link('/etc/passwd', 'passwd')
  link('none', 'dangling')
  link('loop', 'loop')
  link('.', 'self')
  link('..', 'd/up')
  link('e/', 'd/e-slash')
  link('f/', 'd/f-slash')
  return dir
}

t.test('links are followed while they stay inside', async (t) => {
  const dir = linked(t)
  const read = open(t, join(dir, 'root'), {}, { mountpoint: '/mnt/mounted' })
  t.equal(read('to-file'), 'inside')
  t.equal(read('to-file/'), 'NoSuchKey')
  t.equal(read('to-dir/f'), 'f')
  t.equal(read('to-dir/'), 'directory')
  t.equal(read('to-dir'), 'NoSuchKey')
  t.equal(read('to-dir/e/deep'), 'deep')
  t.equal(read('through'), 'f')
  t.equal(read('absolute'), 'f')
  t.equal(read('by-mount'), 'f')
  t.equal(read('d/e-slash/deep'), 'deep')
  for (const key of [
    'by-other',
    'outward',
    'outward-dir/secret',
    'outward-dir/',
    'out-and-back',
    'outward-absolute',
    'passwd',
    'dangling',
    'loop',
    'd/f-slash',
  ])
    t.equal(read(key), 'NoSuchKey', key)
})

t.test('a link that leads back to its own ancestor is not entered', async (t) => {
  const read = open(t, join(linked(t), 'root'))
  t.equal(read('self/file'), 'NoSuchKey')
  t.equal(read('self/'), 'NoSuchKey')
  t.equal(read('d/up/file'), 'NoSuchKey')
})

t.test('deny follows none', async (t) => {
  const read = open(t, join(linked(t), 'root'), { symlinks: 'deny' })
  t.equal(read('file'), 'inside')
  for (const key of ['to-file', 'to-dir/f', 'to-dir/', 'absolute']) t.equal(read(key), 'NoSuchKey', key)
})

t.test('follow leaves the root for the directories that it names', async (t) => {
  const dir = linked(t)
  const link = (target: string, name: string) => symlinkSync(target, join(dir, name))
  mkdirSync(join(dir, 'hidden'))
  writeFileSync(join(dir, 'hidden/secret'), 'hidden')
  link('/proc/self/root/etc/passwd', 'root/magic')
  link('../hidden/secret', 'root/unnamed')
  link('../hidden', 'root/unnamed-dir')
  link(join(dir, 'hidden/secret'), 'root/unnamed-absolute')
  link('../hidden/secret', 'out/leaves')
  link('../root/d/f', 'out/returns')
  link('secret', 'out/stays')
  link(`${dir}//out/./secret`, 'root/untidy')
  link(`${dir}/out/../hidden/secret`, 'root/past')
  link(`${dir}/none/../out/secret`, 'root/over-nothing')
  link(dir, 'root/above')
  const settings = { symlinks: 'follow', followInto: [join(dir, 'out')] } as const
  const read = open(t, join(dir, 'root'), settings, { mountpoint: '/mnt/mounted' })
  t.equal(read('outward'), 'outside')
  t.equal(read('outward-dir/secret'), 'outside')
  t.equal(read('outward-dir/'), 'directory')
  t.equal(read('outward-dir/stays'), 'outside')
  t.equal(read('outward-dir/returns'), 'f')
  t.equal(read('out-and-back'), 'inside')
  t.equal(read('outward-absolute'), 'outside')
  t.equal(read('untidy'), 'outside')
  t.equal(read('by-mount'), 'f')
  t.equal(read('to-dir/f'), 'f')
  for (const key of [
    'self/file',
    'magic',
    'passwd',
    'dangling',
    'unnamed',
    'unnamed-dir/',
    'unnamed-dir/secret',
    'unnamed-absolute',
    'outward-dir/leaves',
    'past',
    'over-nothing',
    'above/',
    'above/hidden/secret',
  ])
    t.equal(read(key), 'NoSuchKey', key)

  // What comes to lead elsewhere leads nowhere.
  renameSync(join(dir, 'out'), join(dir, 'away'))
  link('hidden', 'out')
  t.equal(read('outward'), 'NoSuchKey')
  t.equal(read('outward-dir/'), 'NoSuchKey')
  rmSync(join(dir, 'out'))
  writeFileSync(join(dir, 'out'), '')
  t.equal(read('outward'), 'NoSuchKey')
  t.equal(read('outward-dir'), 'NoSuchKey', 'a directory that was named is no file')
})

t.test('follow without a directory named, as it was once set, leaves no root', async (t) => {
  const read = open(t, join(linked(t), 'root'), { symlinks: 'follow' })
  t.equal(read('to-file'), 'inside')
  for (const key of ['outward', 'outward-dir/', 'outward-absolute', 'passwd'])
    t.equal(read(key), 'NoSuchKey', key)
})

t.test('directories are named for follow alone', async (t) => {
  const dir = linked(t)
  const read = open(t, join(dir, 'root'), { symlinks: 'inside', followInto: [join(dir, 'out')] })
  for (const key of ['outward', 'outward-absolute', 'out-and-back']) t.equal(read(key), 'NoSuchKey', key)
})

t.test('a key passes at most symlinkDepth links to directories', async (t) => {
  const dir = t.testdir({ root: { '0': { f: 'f' } } })
  for (let i = 1; i <= 6; i++) {
    mkdirSync(join(dir, 'root', `${i}`))
    symlinkSync(`../${i - 1}`, join(dir, 'root', `${i}`, 'l'))
  }
  const read = open(t, join(dir, 'root'))
  t.equal(read('4/l/l/l/l/f'), 'f')
  t.equal(read('5/l/l/l/l/l/f'), 'NoSuchKey')
  t.equal(open(t, join(dir, 'root'), { symlinkDepth: 5 })('5/l/l/l/l/l/f'), 'f')
  t.equal(open(t, join(dir, 'root'), { symlinkDepth: 0 })('1/l/f'), 'NoSuchKey')
})

t.test('a chain of links ends after forty', async (t) => {
  const dir = t.testdir({ f: 'f' })
  symlinkSync('f', join(dir, 'l1'))
  for (let i = 2; i <= 41; i++) symlinkSync(`l${i - 1}`, join(dir, `l${i}`))
  const read = open(t, dir)
  t.equal(read('l40'), 'f')
  t.equal(read('l41'), 'NoSuchKey')
})

t.test('a FIFO is never opened, by its name or by a link', async (t) => {
  const dir = t.testdir({})
  const made = spawnSync('mkfifo', [join(dir, 'pipe')])
  if (made.status !== 0) return t.comment('no mkfifo')
  symlinkSync('pipe', join(dir, 'link'))
  const writer = spawn('sh', ['-c', `echo x > '${join(dir, 'pipe')}'`], { stdio: 'ignore' })
  const read = open(t, dir)
  for (let i = 0; i < 50; i++) {
    t.equal(read('pipe'), 'NoSuchKey')
    t.equal(read('link'), 'NoSuchKey')
    await new Promise((done) => setTimeout(done, 5))
  }
  t.equal(writer.exitCode, null, 'the writer still waits for its reader')
  t.equal(readFileSync(join(dir, 'pipe'), 'utf8'), 'x\n')
})

t.test('a link swapped for another while it is read never shows what lies outside', async (t) => {
  const dir = t.testdir({ out: { f: 'outside' }, root: { in: { f: 'inside' }, leaf: 'inside' } })
  const root = join(dir, 'root')
  const script = `
    const fs = require('fs'); process.chdir(${JSON.stringify(root)})
    for (let round = 0; ; round++) {
      const odd = (list) => (round % 2 ? list : list.reverse())
      for (const target of odd(['in', '../out'])) { fs.symlinkSync(target, 'tmp'); fs.renameSync('tmp', 'swap') }
      for (const target of odd(['leaf', '../out/f'])) { fs.symlinkSync(target, 'tmp'); fs.renameSync('tmp', 'swapleaf') }
      try { fs.unlinkSync('flip') } catch {} ; fs.mkdirSync('flip'); fs.writeFileSync('flip/f', 'inside')
      fs.rmSync('flip', { recursive: true }); fs.symlinkSync('../out', 'flip')
    }`
  const swapper = spawn(process.execPath, ['-e', script], { stdio: 'ignore' })
  const gone = once(swapper, 'exit')
  const seen = new Map<string, number>()
  try {
    while (swapper.exitCode === null && !existsSync(join(root, 'flip')))
      await new Promise((done) => setTimeout(done, 10))
    const read = open(t, root)
    for (let i = 0; i < 10_000; i++) {
      for (const key of ['swap/f', 'swapleaf', 'flip/f']) {
        const answer = read(key)
        seen.set(answer, (seen.get(answer) ?? 0) + 1)
      }
    }
  } finally {
    t.equal(swapper.exitCode, null)
    swapper.kill('SIGKILL')
    await gone
  }
  t.notOk(seen.has('outside'))
  t.notOk(seen.has('InternalError'))
  t.ok((seen.get('inside') ?? 0) > 0)
  t.comment(JSON.stringify([...seen]))
})

t.test('no descriptor is left open', async (t) => {
  const root = join(linked(t), 'root')
  const read = open(t, root)
  const count = () =>
    readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(root)
      } catch {
        return false
      }
    }).length
  t.equal(count(), 1)
  const keys = ['file', 'to-file', 'to-dir/f', 'outward', 'self/file', 'loop', 'to-dir/', 'through', 'none']
  for (const key of [...keys, 'd', 'd/f-slash']) read(key)
  t.equal(count(), 1)
})

t.test('a root that is gone, or another one, is offline and not empty', async (t) => {
  const dir = t.testdir({ root: { f: 'x' }, other: {} })
  const path = join(dir, 'root')
  const disk = adopted(path)
  const root = Root.open(disk)
  t.teardown(() => root.close())
  const key = parseKey('f')
  if (key === undefined) return t.fail()
  const ask = () => {
    const found = resolve(root, key)
    if (typeof found === 'string') return found
    closeSync(found.fd)
    return 'found'
  }
  t.equal(ask(), 'found')
  renameSync(path, join(dir, 'away'))
  t.equal(ask(), 'DiskOffline')
  t.throws(() => Root.open(disk), { code: 'DiskOffline' })
  mkdirSync(path)
  t.equal(ask(), 'DiskOffline')
  t.throws(() => Root.open(disk), { code: 'DiskOffline' })
  rmSync(path, { recursive: true })
  renameSync(join(dir, 'away'), path)
  t.equal(ask(), 'found')
  const mounted = spawnSync('mount', ['-t', 'tmpfs', 'none', path])
  if (mounted.status === 0) {
    t.equal(ask(), 'DiskOffline', 'mounted over')
    spawnSync('umount', [path])
    t.equal(ask(), 'found')
  }
  writeFileSync(join(path, 'g'), '')
})

t.test(
  'what is mounted inside is shown when the disk says so, and its own file system can be unmounted',
  async (t) => {
    const dir = t.testdir({ root: { m: { hidden: 'x' } } })
    const mountpoint = join(dir, 'root', 'm')
    const mounted = spawnSync('mount', ['-t', 'tmpfs', 'none', mountpoint])
    if (mounted.status !== 0) return t.comment('not checked: mounting needs root')
    try {
      writeFileSync(join(mountpoint, 'f'), 'mounted')
      t.equal(open(t, join(dir, 'root'))('m/f'), 'NoSuchKey')
      t.equal(open(t, join(dir, 'root'))('m/'), 'NoSuchKey')
      t.equal(open(t, join(dir, 'root'), { crossDevices: true })('m/f'), 'mounted')
      const disk = adopted(mountpoint)
      const root = Root.open(disk)
      t.ok(root.check())
      spawnSync('umount', ['-l', mountpoint])
      t.notOk(root.check())
      t.throws(() => Root.open(disk), { code: 'DiskOffline' })
    } finally {
      spawnSync('umount', ['-l', mountpoint])
    }
  },
)
