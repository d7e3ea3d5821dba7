/** Locks that a mount passes on to the host: programs here and there keep each other out. */
import { execFile } from 'node:child_process'
import { readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { kernelEngine } from '../../../mount/kernel/engine.ts'
import { LockProgram } from '../../fixtures/lock-program.ts'
import { mounted } from '../../fixtures/mounted.ts'
import { available } from '../../fixtures/posix/available.ts'
import { locksBetween } from '../../fixtures/posix/locks.ts'

t.setTimeout(280_000)
const skip = kernelEngine.unavailable() ?? available('python3')

async function shown(t: Test, passthrough: 'auto' | 'off' = 'auto') {
  const directory = t.testdir({ root: {}, mount: {} })
  const [root, mount] = [join(directory, 'root'), join(directory, 'mount')]
  const process = await mounted(root, mount, { engine: 'kernel', locks: 'host', passthrough })
  return { root, mount, process }
}

t.test('programs in the mount, and one in the mount and one on the host', { skip }, async (t) => {
  const { root, mount, process } = await shown(t)
  const descriptors = () =>
    readdirSync(`/proc/${process.process.pid}/fd`).filter((fd) => {
      try {
        // One file without a name is there always, by which a freeze is seen.
        const path = readlinkSync(`/proc/${process.process.pid}/fd/${fd}`)
        return path.startsWith(`${root}/`) && !path.startsWith(`${root}/#`)
      } catch {
        return false
      }
    })
  try {
    await t.test('mount and mount', (t) => locksBetween(t, mount, mount))
    await t.test('host and mount', (t) => locksBetween(t, root, mount))
    await t.test('mount and host', (t) => locksBetween(t, mount, root))

    await t.test('who holds a lock in the mount is told there', async (t) => {
      const [one, other] = [new LockProgram(), new LockProgram()]
      t.equal(await one.call('open_', 'f', join(mount, 'told')), 'ok')
      t.equal(await other.call('open_', 'f', join(mount, 'told')), 'ok')
      t.equal(await one.call('lock', 'f', 'w', 5, 7), 'ok')
      t.same(await other.call('test', 'f', 'w'), ['w', 5, 7, one.pid])
      await one.end()
      await other.end()
    })

    await t.test('nothing is kept open for locks that are gone', async (t) => {
      const program = new LockProgram()
      t.equal(await program.call('open_', 'f', join(mount, 'closed')), 'ok')
      t.equal(await program.call('lock', 'f', 'w'), 'ok')
      t.equal(await program.call('own', 'f', 'r', 5, 5), 'EAGAIN', 'an open file is another owner')
      await program.end()
      // The kernel tells of the last close some time after it.
      for (let attempt = 0; descriptors().length > 0 && attempt < 500; attempt++) {
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      t.same(descriptors(), [])
    })

    await t.test('locks end with the process of the mount', async (t) => {
      const [here, there] = [new LockProgram(), new LockProgram()]
      t.equal(await here.call('open_', 'f', join(mount, 'killed')), 'ok')
      t.equal(await there.call('open_', 'f', join(root, 'killed')), 'ok')
      t.equal(await here.call('lock', 'f', 'w'), 'ok')
      t.equal(await there.call('lock', 'f', 'w'), 'EAGAIN')
      const waiting = there.call('lock', 'f', 'w', 0, 0, true)
      process.process.kill('SIGKILL')
      t.equal(await waiting, 'ok')
      await here.end()
      await there.end()
    })
  } finally {
    await promisify(execFile)('umount', ['-l', mount]).catch(() => {})
  }
})

const database = `
import sqlite3, sys
d = sqlite3.connect(sys.argv[1], timeout=120, isolation_level=None)
for i in range(int(sys.argv[2])):
    d.execute('BEGIN IMMEDIATE')
    n = d.execute('SELECT n FROM t').fetchone()[0]
    d.execute('UPDATE t SET n = ?', (n + 1,))
    d.execute('INSERT INTO log VALUES (?, ?)', (n, 'x' * (n % 3000)))
    d.execute('COMMIT')
`
const create = `
import sqlite3, sys
d = sqlite3.connect(sys.argv[1])
print(d.execute('PRAGMA journal_mode = ' + sys.argv[2]).fetchone()[0])
d.executescript('CREATE TABLE t (n); CREATE TABLE log (n, text); INSERT INTO t VALUES (0)')
`
const check = `
import sqlite3, sys
d = sqlite3.connect(sys.argv[1])
print(d.execute('SELECT n FROM t').fetchone()[0], d.execute('SELECT count(DISTINCT n) FROM log').fetchone()[0],
  d.execute('PRAGMA integrity_check').fetchone()[0])
`

for (const passthrough of ['auto', 'off'] as const) {
  t.test(`a database with writers on both sides, passthrough ${passthrough}`, { skip }, async (t) => {
    const { root, mount, process } = await shown(t, passthrough)
    const python = async (...args: string[]) =>
      (await promisify(execFile)('python3', ['-c', ...args])).stdout.trim()
    try {
      for (const mode of ['delete', 'wal']) {
        if (mode === 'wal' && !process.report.passthrough) {
          t.comment('a write-ahead log lives in memory that both share: it wants passthrough')
          continue
        }
        const [here, there] = [join(mount, `${mode}.db`), join(root, `${mode}.db`)]
        t.equal(await python(create, there, mode), mode)
        await Promise.all([
          python(database, here, '150'),
          python(database, there, '150'),
          python(database, here, '150'),
        ])
        t.equal(await python(check, there), '450 450 ok', mode)
        t.equal(await python(check, here), '450 450 ok', `${mode}, read in the mount`)
      }
    } finally {
      await process.stop()
    }
  })
}
