/** What the engine fuse-native does without, shown: the day that one of these is no more, its table is wrong. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  fstatSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmdirSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { UTIME_OMIT, utimesFd } from '../../lib/sys/attributes.ts'
import { errno } from '../../lib/sys/errno.ts'
import { fallocate, lseek, SEEK } from '../../lib/sys/file.ts'
import { F, lockRange } from '../../lib/sys/lock.ts'
import { AT_FDCWD, O, openat2, RENAME, renameat2 } from '../../lib/sys/open.ts'
import type { Feature } from '../../mount/engine.ts'
import { fuseNativeEngine } from '../../mount/native/engine.ts'
import { mounted } from '../fixtures/mounted.ts'
import { lacks } from '../fixtures/posix-suite.ts'

/** By the feature that is missing: what happens instead. `at` names files in the mount, `host` in the root. */
type Shown = (t: Test, at: (name: string) => string, host: (name: string) => string) => void

const shown: Partial<Record<Feature, Shown>> = {
  byteNames(t, at, host) {
    const odd = Buffer.from([0x2f, 0xff, 0x41])
    const path = (directory: string) => Buffer.concat([Buffer.from(directory), odd])
    writeFileSync(path(host('')), '')
    t.strictSame(readdirSync(at('')), [], 'it is not listed')
    t.throws(() => statSync(path(at(''))), { code: 'ENOENT' })
    unlinkSync(path(host('')))
  },
  caller(t, at) {
    chmodSync(at(''), 0o777)
    execFileSync('mkdir', [at('whose')], { uid: 1, gid: 1 })
    t.equal(statSync(at('whose')).uid, 0)
  },
  fallocate(t, at) {
    const fd = openSync(at('fallocate'), 'w')
    t.equal(fallocate(fd, 0, 0, 4096), -errno.EOPNOTSUPP)
    closeSync(fd)
  },
  hostLocks(t, at, host) {
    const [here, there] = [openSync(at('locked'), 'w'), openSync(host('locked'), 'w')]
    t.equal(lockRange(here, F.WRLCK, 0n, 0n, false), 0)
    t.equal(lockRange(there, F.WRLCK, 0n, 0n, false), 0)
    closeSync(here)
    closeSync(there)
  },
  inodes64(t, at, host) {
    writeFileSync(at('inode'), '')
    const { ino } = statSync(host('inode'), { bigint: true })
    t.equal(statSync(at('inode'), { bigint: true }).ino, ino & 0xffffffffn)
  },
  linkIdentity(t, at) {
    writeFileSync(at('one'), 'before')
    linkSync(at('one'), at('two'))
    const fd = openSync(at('two'), 'r')
    const bytes = Buffer.alloc(6)
    readSync(fd, bytes, 0, 6, 0)
    writeFileSync(at('one'), 'after!', { flag: 'r+' })
    readSync(fd, bytes, 0, 6, 0)
    t.equal(bytes.toString(), 'before', 'the pages of the other name are kept')
    closeSync(fd)
  },
  mtime(t, at) {
    writeFileSync(at('mtime'), '')
    utimesSync(at('mtime'), 1000, 2000)
    t.equal(statSync(at('mtime')).mtimeMs, 1_000_000)
  },
  nanoseconds(t, at, host) {
    writeFileSync(at('nano'), '')
    utimesSync(host('nano'), 1.123456, 1.123456)
    t.equal(statSync(at('nano'), { bigint: true }).mtimeNs, 1_123_000_000n)
  },
  removedDirectories(t, at) {
    mkdirSync(at('removed'))
    const fd = openSync(at('removed'), 'r')
    rmdirSync(at('removed'))
    t.throws(() => fstatSync(fd), { code: 'ENOENT' })
    closeSync(fd)
  },
  renameFlags(t, at) {
    writeFileSync(at('a'), '')
    t.equal(renameat2(AT_FDCWD, at('a'), AT_FDCWD, at('b'), RENAME.NOREPLACE), -errno.EINVAL)
  },
  seekHole(t, at) {
    const fd = openSync(at('hole'), 'w+')
    writeSync(fd, 'x', 2 ** 20)
    t.equal(lseek(fd, 0, SEEK.DATA), 0)
    t.equal(lseek(fd, 0, SEEK.HOLE), 2 ** 20 + 1)
    closeSync(fd)
  },
  tmpfile(t, at) {
    t.equal(openat2(AT_FDCWD, at(''), O.RDWR | O.TMPFILE, 0, 0o600), -errno.EOPNOTSUPP)
  },
  utimeOmit(t, at) {
    writeFileSync(at('omit'), '')
    utimesSync(at('omit'), 1000, 1000)
    const fd = openSync(at('omit'), 'r')
    utimesFd(fd, 0, UTIME_OMIT, 2000, 0)
    closeSync(fd)
    t.equal(statSync(at('omit')).mtimeMs, 1_000_000)
  },
}

/** What no program on the mount can tell from its being there, or another way does. */
const unseen: readonly Feature[] = ['acl', 'copyFileRange', 'notify', 'passthrough', 'syncfs']

const reason = process.getuid?.() === 0 ? fuseNativeEngine.unavailable() : 'needs root'
t.test('what fuse-native does without', { skip: reason ?? false }, async (t) => {
  const directory = t.testdir({ root: {}, mount: {} })
  const [root, mountpoint] = [join(directory, 'root'), join(directory, 'mount')]
  const mount = await mounted(root, mountpoint, { engine: 'fuse-native', locks: 'host' })
  try {
    for (const feature of Object.keys(lacks) as Feature[]) {
      const show = shown[feature]
      t.equal(
        show !== undefined || unseen.includes(feature),
        !fuseNativeEngine.supports.has(feature),
        `${feature} is shown below, or there`,
      )
      if (show === undefined) continue
      mkdirSync(join(root, feature))
      await t.test(lacks[feature], async (t) => {
        show(
          t,
          (name) => join(mountpoint, feature, name),
          (name) => join(root, feature, name),
        )
      })
    }
  } finally {
    await mount.stop()
  }
})
