/** A root whose file system takes `A` for `a`: such a one is made here, of FUSE, in a process of its own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { listPage } from '../../lib/object/listing.ts'
import { MNT, umount2 } from '../../lib/sys/mount.ts'
import { Directories } from '../../lib/tree/directories.ts'
import { parseKey } from '../../lib/tree/path.ts'
import { resolve } from '../../lib/tree/resolve.ts'
import { Root } from '../../lib/tree/root.ts'
import { adopted } from '../fixtures/disk.ts'
import { mounted } from '../fixtures/mounted.ts'

const home = dirname(createRequire(import.meta.url).resolve('fuse-native/package.json'))
const libc = fileURLToPath(new URL('../../lib/sys/libc.js', import.meta.url))

const script = (mountpoint: string): string => `
  const { preload } = await import(${JSON.stringify(libc)})
  preload(${JSON.stringify(join(home, 'prebuilds', `linux-${process.arch}`, 'libfuse.so'))})
  const { createRequire } = await import('node:module')
  const Fuse = createRequire(${JSON.stringify(join(home, 'package.json'))})('fuse-native')
  const now = new Date()
  const stat = (mode, size) => ({ mode, size, uid: 0, gid: 0, nlink: 1, mtime: now, atime: now, ctime: now })
  const fold = (path) => path.normalize('NFKD').replace(/\\p{Default_Ignorable_Code_Point}/gu, '').toLowerCase()
  const files = new Map([['/.twofold', ['stage']], ['/.twofold/stage', 'staged'], ['/dir/.twofold', 'within'],
    ['/', ['Dir', 'link', '.TwoFold']], ['/dir', ['Abc', 'Öl', '.TWOFOLD']], ['/dir/abc', 'bytes'], [fold('/dir/öl'), 'oil']])
  const fuse = new Fuse(${JSON.stringify(mountpoint)}, {
    readdir: (path, done) => done(0, files.get(fold(path))),
    getattr(path, done) {
      if (fold(path) === '/link') return done(0, stat(0o120777, 7))
      const found = files.get(fold(path))
      if (found === undefined) return done(Fuse.ENOENT)
      done(0, typeof found === 'string' ? stat(0o100644, found.length) : stat(0o40755, 4096))
    },
    readlink: (path, done) => done(0, 'dir/aBC'),
    open: (path, flags, done) => done(0, 42),
    read(path, fd, buffer, length, position, done) {
      done(buffer.write(files.get(fold(path)).slice(position, position + length)))
    },
  }, { force: true, timeout: false })
  fuse.mount((error) => console.log(error ?? 'mounted'))
`

t.test('on a root that folds case, a key is the name in just its bytes', async (t) => {
  if (!existsSync('/dev/fuse') || process.getuid?.() !== 0)
    return t.comment('not checked: needs root and /dev/fuse')
  const top = t.testdir({ folding: {}, view: {} })
  const mountpoint = join(top, 'folding')
  const child = spawn(process.execPath, ['--input-type=module', '-e', script(mountpoint)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  t.match(said.toString(), 'mounted')
  try {
    const root = Root.open(adopted(mountpoint))
    const directories = new Directories(1 << 20)
    t.equal(root.foldsCase, true)
    const ask = (text: string): string => {
      const key = parseKey(text)
      const found = key === undefined ? 'no key' : resolve(root, key)
      if (typeof found === 'string') return found
      closeSync(found.fd)
      return 'found'
    }
    t.equal(ask('Dir/Abc'), 'found')
    t.equal(ask('Dir/Öl'), 'found')
    t.equal(ask('Dir/'), 'found')
    t.equal(ask('link'), 'found')
    for (const key of ['dir/Abc', 'Dir/abc', 'DIR/', 'Dir/öl', 'Link']) t.equal(ask(key), 'NoSuchKey', key)
    const list = async (prefix: string) =>
      (await listPage(root, directories, { prefix, delimited: false, after: '', limit: 9 })).contents.map(
        ({ key }) => key,
      )
    t.same(await list(''), ['Dir/Abc', 'Dir/Öl', 'link'])
    t.same(await list('dir/'), [])
    const spellings = ['.TWOFOLD', '.TwoFold', '.two\u200bfold', '\u2060.twofold', '.ＴＷＯfold', '．twofold']
    for (const spelling of spellings)
      for (const key of [`${spelling}/stage`, `${spelling}/`, `Dir/${spelling}`])
        t.equal(ask(key), 'NoSuchKey', key)
    t.match(
      (await listPage(root, directories, { prefix: '', delimited: true, after: '', limit: 9 }))
        .commonPrefixes,
      ['Dir/'],
    )
    directories.close()
    root.close()

    const mount = await mounted(mountpoint, join(top, 'view'), { engine: 'kernel' })
    try {
      const at = (path: string) => join(top, 'view', path)
      t.same(readdirSync(at('')).sort(), ['Dir', 'link'])
      t.same(readdirSync(at('Dir')).sort(), ['Abc', 'Öl'])
      t.equal(readFileSync(at('dir/abc'), 'utf8'), 'bytes')
      for (const spelling of spellings) {
        t.throws(() => lstatSync(at(spelling)), { code: 'ENOENT' }, spelling)
        t.throws(() => readFileSync(at(`Dir/${spelling}`)), { code: 'ENOENT' }, spelling)
        t.throws(() => mkdirSync(at(spelling)), { code: 'EPERM' }, spelling)
      }
    } finally {
      await mount.stop()
    }
  } finally {
    umount2(mountpoint, MNT.DETACH)
    child.kill('SIGKILL')
    await ended
  }
})
