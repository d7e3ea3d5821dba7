/** File systems that don't answer, and everybody who has nothing to do with them. The daemons behind them are stopped. */
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { startDaemon } from '../fixtures/daemon.ts'
import { hungFilesystem } from '../fixtures/hung-filesystem.ts'
import { s3 } from '../fixtures/s3.ts'

const noFuse = existsSync('/dev/fuse') && process.getuid?.() === 0 ? false : 'needs /dev/fuse and root'

const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'twofold-silent-')))
t.teardown(() => rmSync(scratch, { recursive: true, force: true }))
function newDirectory(name: string): string {
  const path = join(scratch, name)
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'hello.txt'), 'hello')
  return path
}

t.test(
  'what is mounted in a root or reached by a link and does not answer is not asked',
  { skip: noFuse },
  async (t) => {
    const data = newDirectory('data')
    const hosted = newDirectory('hosted')
    for (const directory of ['data/inner', 'data/sub/inner', 'outside'])
      mkdirSync(join(scratch, directory), { recursive: true })
    symlinkSync(join(scratch, 'outside'), join(data, 'out'))
    symlinkSync('inner', join(data, 'in'))
    symlinkSync('inner/hello.txt', join(data, 'file'))
    const hung = await Promise.all(
      ['data/inner', 'data/sub/inner', 'outside'].map((at) => hungFilesystem(hosted, join(scratch, at))),
    )
    const daemon = await startDaemon(data, {
      args: ['--no-mount', '--listen', '127.0.0.1:0', '--workers', '1'],
    })
    t.teardown(async () => {
      await daemon.stop()
      for (const one of hung) await one.end()
    })
    for (const one of hung) one.stop()
    for (const key of [
      'inner',
      'inner/',
      'inner/hello.txt',
      'sub/inner/hello.txt',
      'in/hello.txt',
      'file',
      'out',
      'out/hello.txt',
    ])
      t.equal((await s3(daemon, { key })).status, 404, key)
    const listed = async (query: Record<string, string>) => {
      const text = (await s3(daemon, { query: { 'list-type': '2', ...query } })).body.toString()
      return [...text.matchAll(/<(?:Key|CommonPrefixes><Prefix)>([^<]+)</g)].map(([, key]) => key)
    }
    t.same(await listed({}), ['hello.txt', 'sub/'])
    t.same(await listed({ delimiter: '/' }), ['hello.txt', 'sub/'])
    t.same(await listed({ prefix: 'inner/' }), [])
    t.same(await listed({ prefix: 'in' }), [])
    t.same(await listed({ prefix: 'sub/', delimiter: '/' }), ['sub/'])
    t.equal((await s3(daemon, { key: 'hello.txt' })).body.toString(), 'hello')
  },
)
