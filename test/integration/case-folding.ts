/** A root whose file system takes `A` for `a`: such a one is made here, of FUSE, in a process of its own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync } from 'node:fs'
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

const home = dirname(createRequire(import.meta.url).resolve('fuse-native/package.json'))
const libc = fileURLToPath(new URL('../../lib/sys/libc.js', import.meta.url))

const script = (mountpoint: string): string => `
  const { preload } = await import(${JSON.stringify(libc)})
  preload(${JSON.stringify(join(home, 'prebuilds', `linux-${process.arch}`, 'libfuse.so'))})
  const { createRequire } = await import('node:module')
  const Fuse = createRequire(${JSON.stringify(join(home, 'package.json'))})('fuse-native')
  const now = new Date()
  const stat = (mode, size) => ({ mode, size, uid: 0, gid: 0, nlink: 1, mtime: now, atime: now, ctime: now })
  const files = new Map([['/', ['Dir', 'link']], ['/dir', ['Abc', 'Öl']], ['/dir/abc', 'bytes'], ['/dir/öl', 'oil']])
  const fuse = new Fuse(${JSON.stringify(mountpoint)}, {
    readdir: (path, done) => done(0, files.get(path.toLowerCase())),
    getattr(path, done) {
      if (path.toLowerCase() === '/link') return done(0, stat(0o120777, 7))
      const found = files.get(path.toLowerCase())
      if (found === undefined) return done(Fuse.ENOENT)
      done(0, typeof found === 'string' ? stat(0o100644, found.length) : stat(0o40755, 4096))
    },
    readlink: (path, done) => done(0, 'dir/aBC'),
    open: (path, flags, done) => done(0, 42),
    read(path, fd, buffer, length, position, done) {
      done(buffer.write(files.get(path.toLowerCase()).slice(position, position + length)))
    },
  }, { force: true, timeout: false })
  fuse.mount((error) => console.log(error ?? 'mounted'))
`

t.test('on a root that folds case, a key is the name in just its bytes', async (t) => {
  if (!existsSync('/dev/fuse') || process.getuid?.() !== 0)
    return t.comment('not checked: needs root and /dev/fuse')
  const mountpoint = t.testdir({})
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
    directories.close()
    root.close()
  } finally {
    umount2(mountpoint, MNT.DETACH)
    child.kill('SIGKILL')
    await ended
  }
})
