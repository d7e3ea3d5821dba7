import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { DiskSettings } from '../../../lib/disk.ts'
import { listPage, type ListPage, type ListRequest } from '../../../lib/object/listing.ts'
import { objectHead } from '../../../lib/object/stored-object.ts'
import { Directories } from '../../../lib/tree/directories.ts'
import { compareKeys, parseKey } from '../../../lib/tree/path.ts'
import { resolve } from '../../../lib/tree/resolve.ts'
import { Root } from '../../../lib/tree/root.ts'
import { adopted } from '../../fixtures/disk.ts'

class Bucket {
  readonly root: Root
  readonly directories = new Directories(64 * 1024 * 1024)

  constructor(t: Test, path: string, settings: Partial<DiskSettings> = {}) {
    this.root = Root.open(adopted(path, settings))
    t.teardown(() => {
      this.directories.close()
      this.root.close()
    })
  }

  page(request: Partial<ListRequest> = {}): Promise<ListPage> {
    return listPage(this.root, this.directories, {
      prefix: '',
      delimited: false,
      after: '',
      limit: 1000,
      ...request,
    })
  }

  /** Keys and common prefixes, in the order in which they would come one a page. */
  async all(request: Partial<ListRequest> = {}): Promise<string[]> {
    const found: string[] = []
    for (let after = request.after ?? ''; ;) {
      const page = await this.page({ ...request, after })
      found.push(...[...page.contents.map(({ key }) => key), ...page.commonPrefixes].sort(compareKeys))
      if (!page.truncated) return found
      after = page.last
    }
  }

  /** How a GET sees it. */
  get(text: string) {
    const key = parseKey(text)
    const found = key === undefined ? 'NoSuchKey' : resolve(this.root, key)
    if (typeof found === 'string') return undefined
    closeSync(found.fd)
    return objectHead(this.root.disk.id, found.stat)
  }
}

t.test('keys come in the order of their bytes, a directory as its name with a slash', async (t) => {
  const dir = t.testdir({
    a: { x: '', y: { z: '' } },
    'a.txt': '',
    'a-b': { c: '' },
    a0: '',
    é: '',
    Z: '',
    '😀': '',
    '\uff5e': '',
  })
  const bucket = new Bucket(t, dir)
  t.same(await bucket.all(), ['Z', 'a-b/c', 'a.txt', 'a/x', 'a/y/z', 'a0', 'é', '\uff5e', '😀'])
  t.same(await bucket.all({ limit: 1 }), await bucket.all())
  t.same(await bucket.all({ delimited: true }), ['Z', 'a-b/', 'a.txt', 'a/', 'a0', 'é', '\uff5e', '😀'])
  t.same(await bucket.all({ delimited: true, limit: 1 }), await bucket.all({ delimited: true }))
  t.same(await bucket.all({ prefix: 'a' }), ['a-b/c', 'a.txt', 'a/x', 'a/y/z', 'a0'])
  t.same(await bucket.all({ prefix: 'a/', delimited: true }), ['a/x', 'a/y/'])
  t.same(await bucket.all({ prefix: 'a/y' }), ['a/y/z'])
})

t.test('an empty directory is its marker, a filled one has none', async (t) => {
  const dir = t.testdir({ empty: {}, full: { f: 'x' }, nest: { in: {} } })
  const bucket = new Bucket(t, dir)
  t.same(await bucket.all(), ['empty/', 'full/f', 'nest/in/'])
  t.same(await bucket.all({ prefix: 'empty/' }), ['empty/'])
  t.same(await bucket.all({ prefix: 'empty/', delimited: true }), ['empty/'])
  t.same(await bucket.all({ prefix: 'empty' }), ['empty/'])
  t.same(await bucket.all({ prefix: 'full/' }), ['full/f'])
  t.same(await bucket.all({ prefix: 'empty/', after: 'empty/' }), [])
  t.same(await bucket.all({ delimited: true }), ['empty/', 'full/', 'nest/'])
  const hidden = new Bucket(t, dir, { emptyDirectories: 'hide' })
  t.same(await hidden.all(), ['full/f'])
  t.same(await hidden.all({ prefix: 'empty/' }), [])
  t.same(await hidden.all({ delimited: true }), ['empty/', 'full/', 'nest/'])
})

t.test(
  'a page that begins inside of a common prefix shows it by one rule, markers hidden or not',
  async (t) => {
    const dir = t.testdir({ a: { b: {}, c: { d: {} } }, empty: {}, full: { f: 'x' } })
    const shown = new Bucket(t, dir)
    const hidden = new Bucket(t, dir, { emptyDirectories: 'hide' })
    for (const [after, expected] of [
      ['a', ['a/', 'empty/', 'full/']],
      ['a/', ['empty/', 'full/']],
      ['a/a', ['a/', 'empty/', 'full/']],
      ['a/b/', ['a/', 'empty/', 'full/']],
      ['a/c/', ['a/', 'empty/', 'full/']],
      ['a/c/d', ['a/', 'empty/', 'full/']],
      ['a/c/d/', ['empty/', 'full/']],
      ['a/z', ['empty/', 'full/']],
      ['empty/x', ['full/']],
      ['full/a', ['full/']],
      ['full/f', []],
    ] as const) {
      t.same(await shown.all({ delimited: true, after }), expected, `shown, after ${after}`)
      t.same(await hidden.all({ delimited: true, after }), expected, `hidden, after ${after}`)
    }
  },
)

t.test('what is no object is neither shown nor counted', async (t) => {
  const dir = t.testdir({
    '.twofold': { staged: '' },
    d: { '.twofold': {} },
    odd: {},
    dangling: {},
    file: '',
  })
  writeFileSync(Buffer.from(`${join(dir, 'odd')}/\xff`, 'latin1'), '')
  symlinkSync('none', join(dir, 'dangling', 'link'))
  execFileSync('mkfifo', [join(dir, 'odd', 'pipe')])
  const bucket = new Bucket(t, dir)
  t.same(await bucket.all(), ['d/', 'dangling/', 'file', 'odd/'])
  t.same(await bucket.all({ prefix: '.twofold/' }), [])
})

t.test('an empty bucket lists nothing, and so does a prefix that no key can have', async (t) => {
  const dir = t.testdir({ in: { f: '' }, out: {} })
  t.same(await new Bucket(t, join(dir, 'out')).page(), {
    contents: [],
    commonPrefixes: [],
    truncated: false,
    last: '',
  })
  const bucket = new Bucket(t, join(dir, 'in'))
  for (const prefix of [
    '/',
    '../',
    '../out',
    './',
    'f/',
    'f/x',
    'none/',
    '//',
    'x'.repeat(2000),
    'a\0/',
    `${'y'.repeat(300)}/`,
  ])
    t.same(await bucket.all({ prefix }), [], prefix)
  t.same(await bucket.page({ limit: 0 }), { contents: [], commonPrefixes: [], truncated: false, last: '' })
})

t.test('a listing goes on after any text, whether it exists or not', async (t) => {
  const bucket = new Bucket(t, t.testdir({ a: { b: { c: '', e: '' }, f: '' }, g: '' }))
  t.same(await bucket.all({ after: 'a/b/d' }), ['a/b/e', 'a/f', 'g'])
  t.same(await bucket.all({ after: 'a/b/' }), ['a/b/c', 'a/b/e', 'a/f', 'g'])
  t.same(await bucket.all({ after: 'a/b' }), ['a/b/c', 'a/b/e', 'a/f', 'g'])
  t.same(await bucket.all({ after: 'a/b0' }), ['a/f', 'g'])
  t.same(await bucket.all({ after: 'a/b/c/none/deep' }), ['a/b/e', 'a/f', 'g'])
  t.same(await bucket.all({ after: 'zz' }), [])
  t.same(await bucket.all({ delimited: true, after: 'a/' }), ['g'])
  t.same(await bucket.all({ delimited: true, after: 'a/b/e' }), ['a/', 'g'])
  t.same(await bucket.all({ delimited: true, after: 'a/f' }), ['g'])
  t.same(await bucket.all({ prefix: 'a/', after: 'Z' }), ['a/b/c', 'a/b/e', 'a/f'])
  t.same(await bucket.all({ prefix: 'a/', after: 'b' }), [])
})

t.test('a link lists as what it leads to, in the place where that belongs', async (t) => {
  const dir = t.testdir({ d: { f: '1' }, 'l.x': '', 'm.x': '', target: '22' })
  symlinkSync('d', join(dir, 'l'))
  symlinkSync('target', join(dir, 'm'))
  symlinkSync('.', join(dir, 'self'))
  symlinkSync('/etc', join(dir, 'out'))
  const bucket = new Bucket(t, dir)
  const all = ['d/f', 'l.x', 'l/f', 'm', 'm.x', 'target']
  t.same(await bucket.all(), all)
  t.same(await bucket.all({ limit: 1 }), all)
  t.same(await bucket.all({ delimited: true, limit: 1 }), ['d/', 'l.x', 'l/', 'm', 'm.x', 'target'])
  t.same(await bucket.all({ prefix: 'l/' }), ['l/f'])
  t.same(await bucket.all({ prefix: 'l.' }), ['l.x'])
  // A link's kind changes without its directory changing.
  rmSync(join(dir, 'target'))
  mkdirSync(join(dir, 'target'))
  t.same(await bucket.all(), ['d/f', 'l.x', 'l/f', 'm.x', 'm/', 'target/'])
  t.same(await new Bucket(t, dir, { symlinks: 'deny' }).all(), ['d/f', 'l.x', 'm.x', 'target/'])
})

t.test('what a listing says of a file is what HEAD says', async (t) => {
  const dir = t.testdir({ a: { f: '12345' }, e: {} })
  symlinkSync('a/f', join(dir, 'link'))
  utimesSync(join(dir, 'a/f'), 1.5, -12345.5)
  const bucket = new Bucket(t, dir)
  const page = await bucket.page()
  t.equal(page.contents.length, 3)
  for (const { key, ...head } of page.contents) t.same(head, bucket.get(key), key)
})

t.test('keys that are too long are not shown', async (t) => {
  const dir = t.testdir({})
  const deep = 'd'.repeat(250)
  process.chdir(dir)
  for (let i = 0; i < 4; i++) {
    mkdirSync(deep)
    process.chdir(deep)
  }
  writeFileSync('x'.repeat(20), '')
  writeFileSync('y'.repeat(21), '')
  process.chdir('/')
  const bucket = new Bucket(t, dir)
  t.same(
    (await bucket.all()).map((key) => key.length),
    [1024],
  )
})

/** Every key that GET knows, found by looking at each name. */
function reference(bucket: Bucket, path: string, key = ''): string[] {
  const keys: string[] = []
  for (const name of readdirSync(path, { encoding: 'buffer' })) {
    const text = name.toString()
    if (!Buffer.from(text).equals(name)) continue
    if (bucket.get(key + text) !== undefined) keys.push(key + text)
    else if (bucket.get(`${key}${text}/`) !== undefined)
      keys.push(...reference(bucket, join(path, text), `${key}${text}/`))
  }
  if (keys.length === 0 && key !== '') keys.push(key)
  return keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

/** The rules of a listing applied to all keys. */
function expected(keys: string[], request: { prefix: string; delimited: boolean; after: string }): string[] {
  const found = new Set<string>()
  const { prefix, delimited, after } = request
  for (const key of keys) {
    if (!key.startsWith(prefix) || compareKeys(key, after) <= 0) continue
    const slash = delimited ? key.indexOf('/', prefix.length) : -1
    const shown = slash < 0 ? key : key.slice(0, slash + 1)
    if (shown !== after) found.add(shown)
  }
  return [...found]
}

t.test('random trees list as a plain search finds them', async (t) => {
  let seed = Number(process.env['SEED'] ?? 20261121)
  t.comment(`SEED=${seed}`)
  const random = (n: number) => Math.floor((seed = (seed * 48271) % 0x7fffffff) / 7) % n
  const letters = ['a', 'b', '-', '.', '0', 'é', '😀', '\uff5e', '\n', ' ', '&']
  const name = () => Array.from({ length: 1 + random(3) }, () => letters[random(letters.length)]).join('')
  for (let round = 0; round < 25; round++) {
    const dir = t.testdir({ root: {}, outside: { secret: '' } })
    const top = join(dir, 'root')
    const places = ['']
    const pick = () => places[random(places.length)] ?? ''
    for (let i = 0; i < 60; i++) {
      const path = `${pick()}${name()}`
      if (path.split('/').some((part) => part === '.' || part === '..')) continue
      try {
        const what = random(10)
        if (what < 4) writeFileSync(join(top, path), path)
        else if (what < 7) {
          mkdirSync(join(top, path))
          places.push(`${path}/`)
        } else if (what < 8) symlinkSync(random(2) ? join(top, pick()) : '../outside', join(top, path))
        else if (what < 9) symlinkSync(name(), join(top, path))
        else symlinkSync(`../${name()}`, join(top, path))
      } catch {
        continue
      }
    }
    const bucket = new Bucket(t, top, {
      symlinks: random(4) === 0 ? 'deny' : 'inside',
      symlinkDepth: random(4),
    })
    const keys = reference(bucket, top)
    const texts = [
      '',
      ...keys,
      ...keys.map((key) => key.slice(0, random(key.length + 1))),
      ...places,
      name(),
      name(),
    ]
    const text = () => texts[random(texts.length)] ?? ''
    for (let i = 0; i < 60; i++) {
      const request = {
        prefix: random(2) ? '' : text(),
        delimited: random(2) === 0,
        after: random(2) ? '' : text(),
      }
      const got = await bucket.all({ ...request, limit: 1 + random(20) })
      if (!t.same(got, expected(keys, request), JSON.stringify({ round, ...request }))) {
        t.comment(JSON.stringify(keys))
        return
      }
    }
    for (const key of keys) if (!bucket.get(key)) t.fail(`listed, but not to be had: ${key}`)
  }
})

t.test('a large directory shows each change at the next page', async (t) => {
  const dir = t.testdir({})
  const names = new Set<string>()
  writeFileSync(join(dir, 'f'), '')
  names.add('f')
  const add = (name: string) => {
    linkSync(join(dir, 'f'), join(dir, name))
    names.add(name)
  }
  for (let i = 0; i < 9000; i++) add(`f${i}`)
  const bucket = new Bucket(t, dir)
  const check = async (what: string) =>
    t.ok((await bucket.all()).join() === [...names].sort(compareKeys).join(), what)
  await check('cold')
  for (let i = 0; i < 300; i++) {
    const after = `f${(i * 31) % 9000}`
    const [fresh, gone] = [`${after}-new`, [...names][i * 7 + 1] ?? '']
    add(fresh)
    unlinkSync(join(dir, gone))
    names.delete(gone)
    const page = await bucket.page({ after, limit: 1 })
    t.equal(page.contents[0]?.key, fresh)
  }
  await check('after additions and removals')
  renameSync(join(dir, 'f8999'), join(dir, 'renamed'))
  names.delete('f8999')
  names.add('renamed')
  await check('after a rename')
  unlinkSync(join(dir, 'renamed'))
  mkdirSync(join(dir, 'renamed'))
  names.delete('renamed')
  names.add('renamed/')
  await check('after a file became a directory')
  rmSync(join(dir, 'renamed'), { recursive: true })
  names.delete('renamed/')
  for (let i = 0; i < 5000; i++) add(`g${i}`)
  await check('after more than are carried beside')
  for (let i = 0; i < 20_000; i++) add(`h${i}`)
  await check('after the journal overflowed')
})

t.test('pages asked at once while a large directory is read are all right', async (t) => {
  const dir = t.testdir({})
  for (let i = 0; i < 6000; i++) writeFileSync(join(dir, `f${i}`), '')
  const bucket = new Bucket(t, dir)
  const first = bucket.page({ after: 'f5', limit: 2 })
  writeFileSync(join(dir, 'f5-now'), '')
  const pages = [bucket.page({ after: 'f5', limit: 2 }), bucket.page({ after: 'f5', limit: 2 })]
  await first
  for (const page of await Promise.all(pages)) t.equal(page.contents[0]?.key, 'f5-now')
})

t.test('a deep tree lists with few descriptors', async (t) => {
  const dir = t.testdir({})
  const expected: string[] = []
  let path = ''
  for (let i = 0; i < 40; i++) {
    for (const name of ['a', 'z']) {
      writeFileSync(join(dir, `${path}${name}`), '')
      expected.push(`${path}${name}`)
    }
    path += 'm/'
    mkdirSync(join(dir, path))
  }
  expected.push(path)
  expected.sort(compareKeys)
  const bucket = new Bucket(t, dir)
  const open = () => readdirSync('/proc/self/fd').length
  const before = open()
  t.same(await bucket.all(), expected)
  t.same(await bucket.all({ limit: 3 }), expected)
  t.ok(open() <= before + 2)
})

t.test('a listing leaves no descriptor open, whatever becomes of it', async (t) => {
  const dir = t.testdir({ root: { a: { b: { f: '' }, g: '' }, h: '' } })
  const root = join(dir, 'root')
  const bucket = new Bucket(t, root)
  const open = () =>
    readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(root)
      } catch {
        return false
      }
    }).length
  await bucket.page({ limit: 1 })
  await bucket.page({ prefix: 'a/', limit: 1 })
  await bucket.page({ delimited: true, after: 'a/b/e' })
  await bucket.page({ prefix: 'none/' })
  t.equal(open(), 1)
  renameSync(root, join(dir, 'away'))
  await t.rejects(bucket.page(), { code: 'DiskOffline' })
  mkdirSync(root)
  await t.rejects(bucket.page(), { code: 'DiskOffline' })
  rmSync(root, { recursive: true })
  renameSync(join(dir, 'away'), root)
  t.same(await bucket.all(), ['a/b/f', 'a/g', 'h'])
  t.equal(open(), 1)
})

t.test('thousands of links that lead nowhere are passed over', async (t) => {
  const dir = t.testdir({ z: '' })
  for (let i = 0; i < 3000; i++) symlinkSync('none', join(dir, `l${i}`))
  const bucket = new Bucket(t, dir)
  t.same(await bucket.all(), ['z'])
  t.same(await bucket.all({ delimited: true, limit: 1 }), ['z'])
})

t.test('what is mounted inside is not shown, unless the disk crosses', async (t) => {
  const dir = t.testdir({ m: { hidden: '' }, n: '' })
  const mountpoint = join(dir, 'm')
  if (spawnSync('mount', ['-t', 'tmpfs', 'none', mountpoint]).status !== 0)
    return t.comment('not checked: mounting needs root')
  try {
    writeFileSync(join(mountpoint, 'f'), '')
    const bucket = new Bucket(t, dir)
    t.same(await bucket.all(), ['n'])
    t.same(await bucket.all({ delimited: true }), ['n'])
    t.same(await bucket.all({ prefix: 'm/' }), [])
    const crossing = new Bucket(t, dir, { crossDevices: true })
    t.same(await crossing.all(), ['m/f', 'n'])
    t.same(await crossing.all({ delimited: true }), ['m/', 'n'])
  } finally {
    spawnSync('umount', ['-l', mountpoint])
  }
})

t.test('links swapped while a bucket is listed never show what lies outside', async (t) => {
  const dir = t.testdir({ out: { secret: 'x' }, root: { d: { plain: '' }, e: { f: '' } } })
  const root = join(dir, 'root')
  const script = `
    const fs = require('fs'); process.chdir(${JSON.stringify(root)})
    for (;;) {
      for (const target of ['e', '../out', 'd', '/etc']) { fs.symlinkSync(target, 'tmp'); fs.renameSync('tmp', 'swap') }
      fs.renameSync('d', 'moved'); fs.symlinkSync('../out', 'd'); fs.unlinkSync('d'); fs.renameSync('moved', 'd')
    }`
  const swapper = spawn(process.execPath, ['-e', script], { stdio: 'ignore' })
  const gone = once(swapper, 'exit')
  const seen = new Set<string>()
  try {
    await new Promise((done) => setTimeout(done, 300))
    const bucket = new Bucket(t, root)
    for (let i = 0; i < 3000; i++) for (const key of await bucket.all()) seen.add(key)
    for (let i = 0; i < 1000; i++) for (const key of await bucket.all({ prefix: 'swap/' })) seen.add(key)
  } finally {
    t.equal(swapper.exitCode, null)
    swapper.kill('SIGKILL')
    await gone
  }
  t.ok(seen.has('swap/f'))
  t.same(
    [...seen].filter((key) => !/^(?:tmp|swap|d|moved)\/(?:plain|f)?$|^e\/f$|^swap$/.test(key)),
    [],
  )
})
