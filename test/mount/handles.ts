/** Open files are shared out: whoever has many keeps nobody else from opening theirs. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { chmod, readdir, readFile, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { errno } from '../../lib/sys/errno.ts'
import { descriptorBudget } from '../../mount/disk/descriptor-budget.ts'
import { Shares } from '../../mount/disk/shares.ts'
import { mounted } from '../fixtures/mounted.ts'

const skip = existsSync('/dev/fuse') && process.getuid?.() === 0 ? false : 'needs /dev/fuse and root'
const program = fileURLToPath(new URL('../fixtures/open-many.js', import.meta.url))

t.test('all shares of the descriptors together leave some', async (t) => {
  for (let limit = 256; limit <= 2 ** 30; limit *= 2) {
    const { nodes, locks, users, user } = descriptorBudget(limit)
    t.ok(nodes + locks + 2 * users < limit, `of ${limit}`)
    t.ok(user > 0 && user <= users / 2)
    t.ok(limit - nodes - locks - 2 * users >= Math.min(1024, limit / 8), 'and root its reserve')
  }
})

t.test('a share is one user’s, and what is left is everybody’s', async (t) => {
  const shares = new Shares(10, 6, new Set([0]))
  const takes = (uid: number) => {
    const result = shares.more(uid)
    if (result === 0) shares.take(uid)
    return result
  }
  for (let i = 0; i < 6; i++) t.equal(takes(4001), 0)
  t.equal(takes(4001), -errno.EMFILE)
  for (let i = 0; i < 4; i++) t.equal(takes(4002), 0)
  t.equal(takes(4002), -errno.ENFILE)
  t.equal(takes(4003), -errno.ENFILE)
  for (let i = 0; i < 100; i++) t.equal(takes(0), 0)
  t.equal(shares.refused, 3)
  for (let i = 0; i < 100; i++) shares.giveBack(0)
  shares.giveBack(4001)
  t.equal(takes(4002), 0)
  t.equal(takes(4001), -errno.ENFILE)
})

t.test('who has many files open keeps nobody from opening theirs', { skip }, async (t) => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'twofold-handles-')))
  await chmod(directory, 0o755)
  const [root, mount] = [join(directory, 'root'), join(directory, 'mount')]
  mkdirSync(root)
  await chmod(root, 0o777)
  writeFileSync(join(root, 'file'), 'file')
  writeFileSync(join(root, 'shared'), 'shared')
  await chmod(join(root, 'shared'), 0o666)
  const session = await mounted(root, mount, { engine: 'kernel', handles: 100 })
  t.teardown(async () => {
    await session.stop({ force: true })
    rmSync(directory, { recursive: true })
  })
  const users: ChildProcess[] = []
  const opens = async (uid: number, method: string): Promise<string> => {
    const child = spawn(process.execPath, [program, method, mount], {
      uid,
      gid: uid,
      env: {},
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    users.push(child)
    const [said] = (await once(child.stdout, 'data')) as [Buffer]
    return said.toString().trim()
  }
  const letGo = async () => {
    for (const child of users.splice(0)) {
      child.stdin?.end()
      if (child.exitCode === null) await once(child, 'exit')
    }
  }
  for (const method of ['open', 'write', 'opendir', 'create', 'unlinked', 'tmpfile', 'below']) {
    await t.test(method, async (t) => {
      t.equal(await opens(4001, method), '100 EMFILE')
      t.match(await opens(4001, 'open'), /^\d EMFILE$/, 'in no other process either')
      t.same((await readdir(mount)).includes('file'), true, 'root lists')
      t.equal(await readFile(join(mount, 'file'), 'utf8'), 'file', 'and reads')
      t.equal(await opens(4002, method), '100 EMFILE', 'another user has a share of his own')
      t.equal(await opens(4002, 'passing'), '0 EMFILE')
      const fds = Array.from({ length: 300 }, () => openSync(join(mount, 'file'), 'r'))
      t.pass('root is not bound by it')
      for (const fd of fds) closeSync(fd)
      t.equal((await stat(join(mount, 'file'))).size, 4)
      await letGo()
      // What was closed counts no more, as soon as the kernel has said so.
      while ((await opens(4001, 'passing')) !== '300 enough') await letGo()
      await letGo()
    })
  }
})
