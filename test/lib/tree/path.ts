import t from 'tap'
import { compareKeys, isDirectoryKey, parseKey, segments } from '../../../lib/tree/path.ts'

t.test('a key is a path of plain segments', async (t) => {
  for (const text of ['a', 'a/b', 'a/b/', 'a b', '...', '.a', 'a..b', 'é/🙂', '\n', '.twofoldx', '\\', '�']) {
    t.equal(parseKey(text), text, text)
  }
  for (const text of [
    '',
    '/',
    '/a',
    'a//b',
    'a//',
    '.',
    './a',
    'a/.',
    'a/..',
    '../a',
    'a/../b',
    'a\0',
    '\ud800',
  ]) {
    t.equal(parseKey(text), undefined, text)
  }
})

t.test('what we stage is never a key, at any level', async (t) => {
  for (const text of ['.twofold', '.twofold/', '.twofold/x', 'a/.twofold', 'a/.twofold/b']) {
    t.equal(parseKey(text), undefined, text)
  }
})

t.test('limits count bytes of UTF-8', async (t) => {
  t.ok(parseKey('a'.repeat(255)))
  t.notOk(parseKey('a'.repeat(256)))
  t.ok(parseKey('é'.repeat(127)))
  t.notOk(parseKey('é'.repeat(128)))
  t.ok(parseKey(`${'b'.repeat(200)}/`.repeat(5) + 'c'.repeat(19)))
  t.notOk(parseKey(`${'b'.repeat(200)}/`.repeat(5) + 'c'.repeat(20)))
  t.notOk(parseKey(`${'é'.repeat(100)}/`.repeat(5) + 'c'.repeat(20)))
})

t.test('segments leave the marker slash out', async (t) => {
  const [file, directory] = [parseKey('a/b'), parseKey('a/b/')]
  if (file === undefined || directory === undefined) return t.fail('no keys')
  t.same(segments(file), ['a', 'b'])
  t.same(segments(directory), ['a', 'b'])
  t.equal(isDirectoryKey(file), false)
  t.equal(isDirectoryKey(directory), true)
})

t.test('keys are in the order of their bytes', async (t) => {
  const letters = [
    'a',
    'b',
    '/',
    '.',
    '\x7f',
    '\x80',
    'é',
    '\ud7ff',
    '\ue000',
    '\uffff',
    '😀',
    '\u{10000}',
    '\u{10ffff}',
  ]
  let seed = 7
  const random = (n: number) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % n
  const text = () => Array.from({ length: random(5) }, () => letters[random(letters.length)]).join('')
  for (let i = 0; i < 20_000; i++) {
    const [a, b] = [text(), text()]
    const expected = Buffer.compare(Buffer.from(a), Buffer.from(b))
    if (Math.sign(compareKeys(a, b)) !== expected) return t.fail(JSON.stringify([a, b]))
  }
})
