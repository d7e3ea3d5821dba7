import { closeSync, mkdirSync, openSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { errno, SystemError } from '../../../lib/sys/errno.ts'
import { cstring, must } from '../../../lib/sys/libc.ts'
import { accessOf, F, lockRange, locksOf, testRange } from '../../../lib/sys/lock.ts'
import { AT_SYMLINK_NOFOLLOW, O, openat2, readlinkat, RESOLVE } from '../../../lib/sys/open.ts'
import { isSymlink, major, makedev, minor, statAt } from '../../../lib/sys/stat.ts'
import { getdents64 } from '../../../lib/sys/directory.ts'
import { Ticker } from '../../../lib/sys/ticker.ts'

t.test('openat2 stays beneath its descriptor', async (t) => {
  const dir = t.testdir({ root: { in: 'x' }, out: 'y' })
  symlinkSync('../out', join(dir, 'root', 'link'))
  const root = openSync(join(dir, 'root'), O.DIRECTORY)
  t.teardown(() => closeSync(root))
  const fd = openat2(root, 'in', O.RDONLY, RESOLVE.BENEATH)
  t.ok(fd > 0)
  closeSync(fd)
  t.equal(openat2(root, 'link', O.RDONLY, RESOLVE.BENEATH), -errno.EXDEV)
  t.equal(openat2(root, '../out', O.RDONLY, RESOLVE.BENEATH), -errno.EXDEV)
  t.equal(openat2(root, 'none', O.RDONLY, RESOLVE.BENEATH), -errno.ENOENT)
})

t.test('statx agrees with Node', async (t) => {
  const dir = t.testdir({ f: 'hello' })
  symlinkSync('f', join(dir, 'l'))
  const fd = openSync(dir, O.DIRECTORY)
  t.teardown(() => closeSync(fd))
  const ours = statAt(fd, 'f', 0)
  const theirs = statSync(join(dir, 'f'), { bigint: true })
  if (typeof ours === 'number') return t.fail('no stat')
  t.equal(ours.ino, theirs.ino)
  t.equal(ours.dev, theirs.dev)
  t.equal(ours.size, 5)
  t.equal(BigInt(ours.mtime) * 1_000_000_000n + BigInt(ours.mtimeNs), theirs.mtimeNs)
  t.equal(BigInt(ours.ctime) * 1_000_000_000n + BigInt(ours.ctimeNs), theirs.ctimeNs)
  t.equal(ours.mode, Number(theirs.mode))
  const link = statAt(fd, 'l', AT_SYMLINK_NOFOLLOW)
  t.ok(typeof link !== 'number' && isSymlink(link))
  t.same(readlinkat(fd, 'l'), Buffer.from('f'))
  t.equal(statAt(fd, 'none', 0), -errno.ENOENT)
})

t.test('makedev is undone by major and minor', async (t) => {
  for (const [a, i] of [
    [8, 1],
    [259, 1048575],
    [0xfffff, 0xfffff],
  ] as const) {
    t.equal(major(makedev(a, i)), a)
    t.equal(minor(makedev(a, i)), i)
  }
})

t.test('a name that is not UTF-8 survives', async (t) => {
  const dir = t.testdir({})
  const name = Buffer.from([0x66, 0xff, 0x6f])
  writeFileSync(Buffer.concat([Buffer.from(dir + '/'), name]), 'x')
  mkdirSync(join(dir, 'd'))
  const fd = openSync(dir, O.DIRECTORY)
  t.teardown(() => closeSync(fd))
  t.ok(typeof statAt(fd, cstring(name), 0) !== 'number')
  const buffer = Buffer.alloc(4096)
  const length = getdents64(fd, buffer)
  t.ok(buffer.subarray(0, length).includes(name))
  t.throws(() => cstring(Buffer.from('a\0b')), RangeError)
})

t.test('must throws what the kernel said', async (t) => {
  t.equal(must(3, 'openat2'), 3)
  t.throws(() => must(-errno.ENOENT, 'openat2', 'x'), new SystemError(errno.ENOENT, 'openat2', 'x'))
})

t.test('open files lock ranges against each other, and say which they have', async (t) => {
  const file = join(t.testdir({ f: '' }), 'f')
  const [one, other] = [openSync(file, 'r+'), openSync(file, 'r')]
  t.same([accessOf(one), accessOf(other), accessOf(9999)], [O.RDWR, O.RDONLY, -errno.EBADF])
  t.equal(lockRange(one, F.WRLCK, 10n, 5n, false), 0)
  t.equal(lockRange(one, F.RDLCK, 1n << 40n, 0n, false), 0)
  t.equal(lockRange(other, F.RDLCK, 14n, 1n, false), -errno.EAGAIN)
  t.equal(lockRange(other, F.WRLCK, 0n, 1n, false), -errno.EBADF)
  const lock = { type: F.WRLCK as number, start: 0n, length: 0n, pid: 0 }
  t.equal(testRange(other, lock), 0)
  t.same(lock, { type: F.WRLCK, start: 10n, length: 5n, pid: -1 })
  t.same(locksOf(one), [
    { type: F.WRLCK, start: 10n, length: 5n },
    { type: F.RDLCK, start: 1n << 40n, length: 0n },
  ])
  t.same(locksOf(other), [])
  closeSync(one)
  lock.start = lock.length = 0n
  t.equal(testRange(other, lock), 0)
  t.equal(lock.type, F.UNLCK)
  closeSync(other)
})

t.test('a ticker ends a call that waits, again and again', async (t) => {
  const file = join(t.testdir({ f: '' }), 'f')
  const [one, other] = [openSync(file, 'r+'), openSync(file, 'r+')]
  t.equal(lockRange(one, F.WRLCK, 0n, 0n, true), 0)
  const ticker = new Ticker(5)
  ticker.run(true)
  for (let i = 0; i < 3; i++) t.equal(lockRange(other, F.WRLCK, 0n, 0n, true), -errno.EINTR)
  ticker.run(false)
  closeSync(one)
  t.equal(lockRange(other, F.WRLCK, 0n, 0n, true), 0)
  closeSync(other)
})
