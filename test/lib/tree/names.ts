import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { O } from '../../../lib/sys/open.ts'
import { statFd } from '../../../lib/sys/stat.ts'
import { Directories } from '../../../lib/tree/directories.ts'
import { DirectoryReader } from '../../../lib/tree/directory-reader.ts'
import { Cursor, Names } from '../../../lib/tree/names.ts'
import type { Kind, Packed } from '../../../lib/tree/packed.ts'

function read(path: string): Packed {
  const fd = openSync(path, O.RDONLY | O.DIRECTORY)
  try {
    const reader = new DirectoryReader(fd)
    for (;;) {
      const packed = reader.work(0)
      if (typeof packed === 'number') throw new Error(String(packed))
      if (packed !== undefined) return packed
    }
  } finally {
    closeSync(fd)
  }
}

function everything(names: Names, from = ''): [string, Kind][] {
  const found: [string, Kind][] = []
  for (const cursor = new Cursor(names, from); cursor.next();) found.push([cursor.name, cursor.kind])
  return found
}

const bytewise = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))

t.test('names are read in the order of their bytes, directories with a slash', async (t) => {
  const dir = t.testdir({
    d: {},
    'd.x': '',
    'd-x': '',
    é: '',
    '😀': '',
    '\uff5e': '',
    '.twofold': {},
    '.hidden': '',
  })
  symlinkSync('d', join(dir, 'l'))
  writeFileSync(Buffer.from(`${dir}/\xfe`, 'latin1'), '')
  t.same(everything(new Names(read(dir))), [
    ['.hidden', 'file'],
    ['d-x', 'file'],
    ['d.x', 'file'],
    ['d/', 'directory'],
    ['l', 'link'],
    ['é', 'file'],
    ['\uff5e', 'file'],
    ['😀', 'file'],
  ])
})

t.test('sorting holds for names with long common beginnings', async (t) => {
  const dir = t.testdir({ one: '' })
  const expected = ['one']
  for (let i = 0; i < 3000; i++) {
    const name = 'x'.repeat((i * 7) % 200) + String((i * 7919) % 3000)
    linkSync(join(dir, 'one'), join(dir, name))
    expected.push(name)
  }
  t.same(
    everything(new Names(read(dir))).map(([name]) => name),
    expected.sort(bytewise),
  )
})

t.test('names follow any changes, and a cursor among them finds its way', async (t) => {
  const dir = t.testdir({ f: '' })
  for (let i = 0; i < 500; i++) linkSync(join(dir, 'f'), join(dir, `f${i * 2}`))
  const names = new Names(read(dir))
  const model = new Map(everything(names))
  let seed = 99
  const random = (n: number) => Math.floor((seed = (seed * 48271) % 0x7fffffff) / 7) % n
  const change = () => {
    const name = `f${random(1200)}${random(5) === 0 ? 'é' : ''}`
    const kind = ([undefined, 'file', 'directory', 'link'] as const)[random(4)]
    names.set(Buffer.from(name).toString('latin1'), kind)
    model.delete(name)
    model.delete(`${name}/`)
    if (kind !== undefined) model.set(kind === 'directory' ? `${name}/` : name, kind)
  }
  const expected = (from: string) =>
    [...model].filter(([name]) => bytewise(name, from) >= 0).sort(([a], [b]) => bytewise(a, b))
  for (let round = 0; round < 40; round++) {
    for (let i = 0; i < 500; i++) change()
    t.same(everything(names), expected(''))
    const from = `f${random(1200)}`
    t.same(everything(names, from), expected(from))
    const cursor = new Cursor(names, from)
    let last = from
    for (let more = cursor.next(); more; more = cursor.next()) {
      if (bytewise(cursor.name, last) < 0) t.fail(`${cursor.name} after ${last}`)
      if (!model.has(cursor.name)) t.fail(`${cursor.name} is gone`)
      last = cursor.name
      if (random(20) === 0) change()
    }
  }
})

t.test('names that are not UTF-8 or ours to stage never come in by a change', async (t) => {
  const names = new Names(read(t.testdir({ a: '' })))
  names.set('\xff', 'file')
  names.set('.twofold', 'directory')
  t.same(everything(names), [['a', 'file']])
})

/** Lists a directory again and again while it changes, and compares with what it must hold. */
async function follow(t: Test, remote: boolean, size: number): Promise<void> {
  const dir = t.testdir({})
  const seed = join(t.testdirName, '..', `seed-${process.pid}-${size}-${remote}`)
  writeFileSync(seed, '')
  t.teardown(() => unlinkSync(seed))
  const present = new Set<string>()
  const add = (name: string) => {
    linkSync(seed, join(dir, name))
    present.add(name)
  }
  for (let i = 0; i < size; i++) add(`n${i}`)
  const directories = new Directories(1 << 24)
  t.teardown(() => directories.close())
  const list = async () => {
    const fd = openSync(dir, O.RDONLY | O.DIRECTORY)
    const stat = statFd(fd)
    if (typeof stat === 'number') throw new Error('no stat')
    const names = await directories.names(fd, stat, remote)
    const found = everything(names).map(([name]) => name)
    closeSync(fd)
    return found
  }
  const check = async (what: string) =>
    t.ok((await list()).join('\n') === [...present].sort(bytewise).join('\n'), what)
  await check('at first')
  await check('again')
  for (let i = 0; i < 30; i++) {
    add(`m${i}`)
    unlinkSync(join(dir, `n${i}`))
    present.delete(`n${i}`)
    await check(`after change ${i}`)
  }
  mkdirSync(join(dir, 'd'))
  present.add('d/')
  await check('with a directory')
  await sleep(100)
  await check('settled')
  rmdirSync(join(dir, 'd'))
  present.delete('d/')
  utimesSync(dir, 1, 1)
  await check('after a change whose mtime was put back')
}

t.test('a small directory is read anew when it has changed', (t) => follow(t, false, 50))
t.test('a large directory is followed', (t) => follow(t, false, 5000))
t.test('a large directory on a network is read anew when it has changed', (t) => follow(t, true, 5000))

t.test('a directory made anew under an old name has its own names', async (t) => {
  const dir = t.testdir({ d: {} })
  const path = join(dir, 'd')
  const directories = new Directories(1 << 24)
  t.teardown(() => directories.close())
  for (let round = 0; round < 20; round++) {
    writeFileSync(join(path, `f${round}`), '')
    const fd = openSync(path, O.RDONLY | O.DIRECTORY)
    const stat = statFd(fd)
    if (typeof stat === 'number') return t.fail()
    t.same(everything(await directories.names(fd, stat, false)), [[`f${round}`, 'file']])
    closeSync(fd)
    unlinkSync(join(path, `f${round}`))
    rmdirSync(path)
    mkdirSync(path)
  }
})

t.test('names that need more than the bound are given and not kept', async (t) => {
  const dir = t.testdir({ f: '' })
  for (let i = 0; i < 5000; i++) linkSync(join(dir, 'f'), join(dir, `name-${i}`))
  const directories = new Directories(1024)
  t.teardown(() => directories.close())
  for (let round = 0; round < 3; round++) {
    const fd = openSync(dir, O.RDONLY | O.DIRECTORY)
    const stat = statFd(fd)
    if (typeof stat === 'number') return t.fail()
    t.equal(everything(await directories.names(fd, stat, false)).length, 5001)
    closeSync(fd)
  }
})
