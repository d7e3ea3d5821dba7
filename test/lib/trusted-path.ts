import {
  chmodSync,
  chownSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { readConfigFile } from '../../lib/config.ts'
import { requireOwnState } from '../../lib/own-state.ts'
import { isPrivateGroup } from '../../lib/private-group.ts'
import { ourDirectory, ourFile } from '../../lib/trusted-path.ts'

const purpose = { what: 'the box', how: 'with --box' }
const other = 4001
const asRoot = { skip: process.getuid?.() === 0 ? false : 'needs root, to give files to somebody else' }

const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'twofold-trusted-')))
t.teardown(() => rmSync(scratch, { recursive: true, force: true }))
let count = 0
/** A directory of its own, and in it what `names` says, directories where a name ends in a slash. */
function tree(...names: string[]): string {
  const top = join(scratch, String(++count))
  mkdirSync(top)
  for (const name of names)
    if (name.endsWith('/')) mkdirSync(join(top, name), { recursive: true })
    else writeFileSync(join(top, name), name)
  return top
}
const descriptors = () => readdirSync('/proc/self/fd').length

t.test('a directory that is ours is taken, and made where it is missing', async (t) => {
  const top = tree('a/')
  const before = descriptors()
  t.equal(ourDirectory(join(top, 'a'), purpose, 0o700), join(top, 'a'))
  t.equal(ourDirectory(join(top, 'a/b/c'), purpose, 0o700), join(top, 'a/b/c'))
  t.equal(lstatSync(join(top, 'a/b')).mode & 0o7777, 0o700)
  t.equal(ourFile(join(top, 'a/b/none'), purpose), join(top, 'a/b/none'))
  t.equal(ourFile('/dev/null/none', purpose), '/dev/null/none')
  writeFileSync(join(top, 'file'), '')
  t.throws(() => ourDirectory(join(top, 'file'), purpose, 0o700), {
    code: 'AccessDenied',
    message: /ENOTDIR/,
  })
  t.throws(() => ourDirectory(join(top, 'file/x'), purpose, 0o700), {
    code: 'AccessDenied',
    message: /ENOTDIR/,
  })
  t.equal(descriptors(), before, 'no descriptor is left')
})

t.test('a directory that everybody may write to is passed when it is sticky, and is no end', async (t) => {
  const top = tree('a/b/')
  chmodSync(join(top, 'a'), 0o777)
  t.throws(() => ourDirectory(join(top, 'a/b'), purpose, 0o700), {
    code: 'Untrusted',
    message: `${top}/a may be written by everybody (mode 777), so the box can't be there: chmod go-w "${top}/a", or name another one with --box`,
  })
  t.throws(() => ourDirectory(join(top, 'a/new'), purpose, 0o700), { code: 'Untrusted' })
  t.notOk(readdirSync(join(top, 'a')).includes('new'), 'nothing was made')
  chmodSync(join(top, 'a'), 0o1777)
  t.equal(ourDirectory(join(top, 'a/b'), purpose, 0o700), join(top, 'a/b'))
  t.equal(ourDirectory(join(top, 'a/new'), purpose, 0o700), join(top, 'a/new'))
  t.throws(() => ourDirectory(join(top, 'a'), purpose, 0o700), { code: 'Untrusted' })
})

t.test('what belongs to somebody else, or lies below, is refused', asRoot, async (t) => {
  const top = tree('a/b/c/', 'a/file')
  for (const [whose, path] of [
    ['a', 'a/b/c'],
    ['a/b', 'a/b/c'],
    ['a/b/c', 'a/b/c'],
    ['a/file', 'a/file'],
  ] as const) {
    chownSync(join(top, whose), other, other)
    t.throws(() => ourFile(join(top, path), purpose), {
      code: 'Untrusted',
      message: `${join(top, whose)} belongs to user ${other}, so the box can't be there: chown 0 "${join(top, whose)}", or name another one with --box`,
    })
    chownSync(join(top, whose), 0, 0)
  }
  t.equal(ourFile(join(top, 'a/file'), purpose), join(top, 'a/file'))
})

t.test("root's directory is no group's to write to, and a file neither", asRoot, async (t) => {
  const top = tree('a/b/', 'a/file')
  chmodSync(join(top, 'a'), 0o775)
  t.throws(() => ourDirectory(join(top, 'a/b'), purpose, 0o700), /may be written by group 0 \(mode 775\)/)
  chmodSync(join(top, 'a'), 0o755)
  chmodSync(join(top, 'a/file'), 0o664)
  t.throws(() => ourFile(join(top, 'a/file'), purpose), /may be written by group 0/)
})

t.test('a link that root or we placed is followed, by its parts', async (t) => {
  const top = tree('real/in/')
  symlinkSync('real', join(top, 'relative'))
  symlinkSync(join(top, 'relative/in'), join(top, 'absolute'))
  symlinkSync('../relative/../absolute', join(top, 'real/back'))
  symlinkSync('loop', join(top, 'loop'))
  t.equal(ourDirectory(join(top, 'relative/in'), purpose, 0o700), join(top, 'real/in'))
  t.equal(ourDirectory(join(top, 'absolute/new'), purpose, 0o700), join(top, 'real/in/new'))
  t.equal(ourDirectory(join(top, 'real/back'), purpose, 0o700), join(top, 'real/in'))
  t.throws(() => ourDirectory(join(top, 'loop'), purpose, 0o700), /ELOOP/)
  symlinkSync(`${'../'.repeat(40)}${top.slice(1)}/real`, join(top, 'high'))
  t.equal(ourDirectory(join(top, 'high'), purpose, 0o700), join(top, 'real'))
})

t.test('a link that somebody else could have placed is not', asRoot, async (t) => {
  const top = tree('mine/', 'theirs/', 'all/')
  chownSync(join(top, 'theirs'), other, other)
  chmodSync(join(top, 'all'), 0o1777)
  for (const place of ['theirs', 'all']) symlinkSync(join(top, 'mine'), join(top, place, 'link'))
  t.throws(() => ourDirectory(join(top, 'theirs/link'), purpose, 0o700), {
    message: new RegExp(
      `^${top}/theirs/link is a symbolic link others than root can change in ${top}/theirs,`,
    ),
  })
  t.throws(() => ourDirectory(join(top, 'all/link'), purpose, 0o700), /others than root can change in/)
  symlinkSync(join(top, 'mine'), join(top, 'given'))
  lchownSync(join(top, 'given'), other, other)
  t.throws(() => ourDirectory(join(top, 'given'), purpose, 0o700), /is a symbolic link of user 4001/)
  t.throws(() => ourDirectory(join(top, 'given/deeper/still'), purpose, 0o700), { code: 'Untrusted' })
  t.same(readdirSync(join(top, 'mine')), [], 'and nothing is made behind it')
})

t.test('a state directory is ours with all that lies in it', asRoot, async (t) => {
  const top = tree()
  const state = join(top, 'state')
  t.equal(requireOwnState({ state }), state)
  t.equal(lstatSync(state).mode & 0o7777, 0o711)
  for (const name of ['lock', 'keyring.json', 'level.changes', 'disks', 'trash', 'mounts', 'level']) {
    const path = join(state, name)
    mkdirSync(path)
    t.equal(requireOwnState({ state }), state)
    chownSync(path, other, other)
    t.throws(() => requireOwnState({ state }), { code: 'Untrusted', message: new RegExp(`^${path} belongs`) })
    rmSync(path, { recursive: true })
    writeFileSync(path, '')
    chmodSync(path, 0o666)
    t.throws(() => requireOwnState({ state }), /may be written by everybody/, name)
    rmSync(path)
    symlinkSync('/etc', path)
    lchownSync(path, other, other)
    t.throws(() => requireOwnState({ state }), /is a symbolic link of user 4001/, name)
    rmSync(path)
  }
  mkdirSync(join(state, 'level'))
  writeFileSync(join(state, 'level/CURRENT'), '')
  chownSync(join(state, 'level/CURRENT'), other, other)
  t.throws(() => requireOwnState({ state }), /level\/CURRENT belongs to user 4001/)
})

t.test('a configuration file that somebody else could write sets nothing', asRoot, async (t) => {
  const top = tree()
  const file = join(top, 'config.json')
  t.same(readConfigFile(file, false), {})
  writeFileSync(file, '{"workers": 3}')
  t.same(readConfigFile(file, false), { workers: 3 })
  chmodSync(file, 0o666)
  t.throws(() => readConfigFile(file, false), /config\.json may be written by everybody/)
  chmodSync(file, 0o644)
  chownSync(file, other, other)
  t.throws(() => readConfigFile(file, true), { code: 'Untrusted' })
  chownSync(file, 0, 0)
  chownSync(top, other, other)
  t.throws(() => readConfigFile(file, true), { code: 'Untrusted' })
})

t.test("a group is private when the files name nobody else's", async (t) => {
  const passwd = ['root:x:0:0::/:/bin/sh', 'ann:x:1000:1000::/:/bin/sh', 'bob:x:1001:50::/:/bin/sh']
  const group = ['root:x:0:', 'ann:x:1000:', 'staff:x:50:ann', 'wheel:x:10:ann']
  t.ok(isPrivateGroup(1000, 1000, passwd, group))
  t.ok(isPrivateGroup(1000, 1000, passwd, ['ann:x:1000:ann']))
  t.ok(isPrivateGroup(1000, 1000, passwd, []), 'a group without a line has no other members')
  t.notOk(isPrivateGroup(1000, 1000, passwd, ['ann:x:1000:ann,bob']))
  t.notOk(isPrivateGroup(1000, 1000, passwd, [...group, 'too:x:1000:bob']))
  t.notOk(isPrivateGroup(1000, 1000, [...passwd, 'eve:x:1002:1000::/:/bin/sh'], group))
  t.notOk(isPrivateGroup(1000, 1000, [...passwd, 'twin:x:1000:1000::/:/bin/sh'], group))
  t.notOk(isPrivateGroup(1001, 50, passwd, group))
  t.notOk(isPrivateGroup(1000, 10, passwd, group), 'a group that is not the primary one')
  t.notOk(isPrivateGroup(4711, 4711, passwd, group), 'a user whom the files do not know')
})

t.test('a file that somebody linked in is judged as the one it is', asRoot, async (t) => {
  const top = tree('mine/', 'theirs')
  chownSync(join(top, 'theirs'), other, other)
  linkSync(join(top, 'theirs'), join(top, 'mine/file'))
  t.throws(() => ourFile(join(top, 'mine/file'), purpose), { code: 'Untrusted' })
})
