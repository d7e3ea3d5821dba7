import { closeSync, openSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { newDiskId } from '../../../lib/disk.ts'
import { judge, rangeStands } from '../../../lib/object/conditions.ts'
import { contentType, typeOfBytes, typeOfName } from '../../../lib/object/content-type.ts'
import { etagOf } from '../../../lib/object/etag.ts'
import { httpDate, parseHttpDate } from '../../../lib/object/http-date.ts'
import { objectHead } from '../../../lib/object/stored-object.ts'
import { parseRange } from '../../../lib/object/range.ts'
import { AT_FDCWD } from '../../../lib/sys/open.ts'
import { statAt, type Stat } from '../../../lib/sys/stat.ts'
import { parseKey, type Key } from '../../../lib/tree/path.ts'

const statOf = (path: string): Stat => {
  const stat = statAt(AT_FDCWD, path, 0)
  if (typeof stat === 'number') throw new Error(`no ${path}`)
  return stat
}
const keyOf = (text: string): Key => {
  const key = parseKey(text)
  if (key === undefined) throw new Error(text)
  return key
}

t.test('an ETag says which state of a file this is', async (t) => {
  const path = join(t.testdir({ a: 'one', b: 'one' }), 'a')
  const disk = newDiskId()
  const first = etagOf(disk, statOf(path))
  t.match(first, /^[0-9a-f]{32}-1$/, 'and is no MD5')
  t.equal(etagOf(disk, statOf(path)), first, 'the same while the file stays')
  t.not(etagOf(newDiskId(), statOf(path)), first, 'another on another disk')
  t.not(etagOf(disk, statOf(join(path, '../b'))), first, 'another for an equal file')
  const { atime, mtime } = statSync(path)
  writeFileSync(path, 'two')
  utimesSync(path, atime, mtime)
  t.not(etagOf(disk, statOf(path)), first, 'an edit that puts the mtime back shows')
  const second = statOf(path)
  for (const field of ['ino', 'size', 'mtime', 'mtimeNs', 'ctime', 'ctimeNs'] as const) {
    const changed = { ...second, [field]: typeof second[field] === 'bigint' ? 1n : 1 }
    t.not(etagOf(disk, changed), etagOf(disk, second), `${field} counts`)
  }
  t.equal(objectHead(disk, statOf(t.testdirName)).size, 0, "a directory's marker has no bytes")
})

t.test('Range', async (t) => {
  const cases: [string | undefined, number, unknown][] = [
    [undefined, 10, undefined],
    ['bytes=0-4', 10, { first: 0, last: 4 }],
    ['bytes=5-', 10, { first: 5, last: 9 }],
    ['bytes=-3', 10, { first: 7, last: 9 }],
    ['bytes=-30', 10, { first: 0, last: 9 }],
    ['bytes=0-99', 10, { first: 0, last: 9 }],
    ['bytes=9-9', 10, { first: 9, last: 9 }],
    ['Bytes = 1 - 2', 10, { first: 1, last: 2 }],
    ['bytes=10-', 10, 'unsatisfiable'],
    ['bytes=10-12', 10, 'unsatisfiable'],
    ['bytes=-0', 10, 'unsatisfiable'],
    ['bytes=-1', 0, 'unsatisfiable'],
    ['bytes=0-', 0, 'unsatisfiable'],
    [`bytes=${'9'.repeat(400)}-`, 10, 'unsatisfiable'],
    [`bytes=0-${'9'.repeat(400)}`, 10, { first: 0, last: 9 }],
    ['bytes=4-2', 10, undefined],
    ['bytes=0-1,3-4', 10, undefined],
    ['items=0-1', 10, undefined],
    ['bytes=', 10, undefined],
    ['bytes=-', 10, undefined],
    ['bytes=a-b', 10, undefined],
    ['bytes=0x1-2', 10, undefined],
  ]
  for (const [header, size, expected] of cases)
    t.same(parseRange(header, size), expected, `${header?.slice(0, 20) ?? 'none'} of ${size}`)
})

t.test('conditions follow the precedence of RFC 9110, 13.2.2', async (t) => {
  const none = {
    ifMatch: undefined,
    ifNoneMatch: undefined,
    ifModifiedSince: undefined,
    ifUnmodifiedSince: undefined,
  }
  const at = 1_000_000_000
  const [before, same, after] = [at - 1, at, at + 1].map(httpDate)
  const cases: [object, string, string][] = [
    [{}, 'proceed', 'nothing asked'],
    [{ ifMatch: '"e"' }, 'proceed', 'If-Match that matches'],
    [{ ifMatch: 'e' }, 'proceed', 'If-Match without quotes'],
    [{ ifMatch: '*' }, 'proceed', 'If-Match of anything'],
    [{ ifMatch: '"x", "e"' }, 'proceed', 'If-Match with a list'],
    [{ ifMatch: 'W/"e"' }, 'failed', 'If-Match compares strongly'],
    [{ ifMatch: '"x"' }, 'failed', 'If-Match of another'],
    [{ ifMatch: '"e"', ifUnmodifiedSince: before }, 'proceed', 'If-Match silences If-Unmodified-Since'],
    [{ ifUnmodifiedSince: before }, 'failed', 'modified since'],
    [{ ifUnmodifiedSince: same }, 'proceed', 'not modified since'],
    [{ ifUnmodifiedSince: 'yesterday' }, 'proceed', 'what is no date counts as absent'],
    [{ ifNoneMatch: '"e"' }, 'not-modified', 'If-None-Match that matches'],
    [{ ifNoneMatch: 'W/"e"' }, 'not-modified', 'If-None-Match compares weakly'],
    [{ ifNoneMatch: '*' }, 'not-modified', 'If-None-Match of anything'],
    [{ ifNoneMatch: '"x"' }, 'proceed', 'If-None-Match of another'],
    [{ ifNoneMatch: '"x"', ifModifiedSince: after }, 'proceed', 'If-None-Match silences If-Modified-Since'],
    [{ ifModifiedSince: same }, 'not-modified', 'unchanged since'],
    [{ ifModifiedSince: before }, 'proceed', 'changed since'],
    [{ ifModifiedSince: httpDate(at + 999_999) }, 'proceed', 'a date of the future counts as absent'],
    [{ ifMatch: '"x"', ifNoneMatch: '"e"' }, 'failed', '412 before 304'],
    [{ ifMatch: '"e"', ifNoneMatch: '"e"' }, 'not-modified', 'then 304'],
  ]
  for (const [given, expected, name] of cases)
    t.equal(judge({ ...none, ...given }, 'e', at, at + 100), expected, name)
  t.ok(rangeStands(undefined, 'e', at), 'without If-Range')
  t.ok(rangeStands('"e"', 'e', at), 'If-Range with the ETag')
  t.ok(rangeStands(same, 'e', at), 'If-Range with the date')
  t.notOk(rangeStands('"x"', 'e', at), 'If-Range with another ETag')
  t.notOk(rangeStands('W/"e"', 'e', at), 'If-Range with a weak one')
  t.notOk(rangeStands(after, 'e', at), 'If-Range with another date')
})

t.test('HTTP dates in their three forms', async (t) => {
  for (const text of [
    'Sun, 06 Nov 1994 08:49:37 GMT',
    'Sunday, 06-Nov-94 08:49:37 GMT',
    'Sun Nov  6 08:49:37 1994',
  ])
    t.equal(parseHttpDate(text), 784111777, text)
  for (const text of [
    '',
    'now',
    '1994-11-06',
    'Sun, 31 Feb 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT',
  ])
    t.equal(parseHttpDate(text), undefined, `"${text}" is none`)
  t.equal(httpDate(784111777), 'Sun, 06 Nov 1994 08:49:37 GMT')
  t.equal(parseHttpDate(httpDate(0)), 0)
  t.match(httpDate(1e18), /9999/, 'a year that the format lacks is its nearest')
})

t.test('content types by name, by the first bytes, and once for each state of a file', async (t) => {
  t.equal(typeOfName('a/b.JPG'), 'image/jpeg')
  t.equal(typeOfName('a.tar.gz'), 'application/gzip')
  for (const key of ['Makefile', '.gitignore', 'a/.json', 'v1.2/file', 'x.', 'a.constructor', 'a.__proto__'])
    t.equal(typeOfName(key), undefined, `${key} says nothing`)

  const png = Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex')
  t.equal(await typeOfBytes(png), 'image/png')
  t.equal(await typeOfBytes(Buffer.from('{"a": 1}\n')), 'text/plain; charset=utf-8')
  t.equal(
    await typeOfBytes(Buffer.from('grüße\n').subarray(0, 3)),
    'text/plain; charset=utf-8',
    'cut in a letter',
  )
  t.equal(await typeOfBytes(Buffer.from([0xff, 0xfe, 0x61, 0])), 'text/plain; charset=utf-16')
  t.equal(await typeOfBytes(Buffer.from('a\0b')), 'application/octet-stream')
  t.equal(await typeOfBytes(Buffer.from([0xc3, 0x28])), 'application/octet-stream')

  const root = t.testdir({ plain: 'text', empty: '' })
  const ask = async (name: string) => {
    const path = join(root, name)
    const fd = openSync(path, 'r')
    try {
      return await contentType(keyOf(name), fd, statOf(path))
    } finally {
      closeSync(fd)
    }
  }
  t.equal(await ask('plain'), 'text/plain; charset=utf-8')
  t.equal(await ask('empty'), 'application/octet-stream')
  writeFileSync(join(root, 'next'), png)
  renameSync(join(root, 'next'), join(root, 'plain'))
  t.equal(await ask('plain'), 'image/png', 'another file under the name is looked into anew')
  t.equal(contentType(keyOf('dir/'), -1, statOf(root)), 'application/x-directory')
})
