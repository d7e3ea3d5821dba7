/** A share link and an S3 secret through what befalls a daemon: restarts, rotated and retired keys, a lost disk. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { startDaemon, twofold, type Daemon } from '../fixtures/daemon.ts'
import { Keyring } from '../../lib/auth/keyring.ts'
import { parseDiskId } from '../../lib/disk.ts'
import { oldLink } from '../fixtures/old-link.ts'
import { s3 } from '../fixtures/s3.ts'

const directory = t.testdir({ root: { 'a.txt': 'hello\n', 'b.txt': 'other\n' } })
const root = join(directory, 'root')
const state = join(directory, 'state')
const start = () => startDaemon(root, { state, args: ['--no-mount', '--listen', '127.0.0.1:0'] })

async function run(...args: string[]): Promise<unknown> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    twofold,
    ...args,
    '--state',
    state,
    '--json',
  ])
  return JSON.parse(stdout)
}
const field = (value: unknown, name: string): string =>
  String(Object.entries(value ?? {}).find(([key]) => key === name)?.[1])

t.test('a link and a secret live as long as their key and their disk', async (t) => {
  let daemon: Daemon = await start()
  t.teardown(() => daemon.stop())
  const { secretAccessKey } = daemon
  const shared = await run('share', daemon.bucket, 'a.txt', '--expires', '600')
  const path = new URL(field(shared, 'url')).pathname
  const link = async () => (await fetch(daemon.endpoint + path)).status
  const secret = async () => (await s3({ ...daemon, secretAccessKey }, { key: 'a.txt' })).status
  const both = async () => [await link(), await secret()]
  t.same(await both(), [200, 200])
  t.equal(
    (await fetch(daemon.endpoint + path.replace('a.txt', 'b.txt'))).status,
    403,
    'it opens nothing else',
  )

  await daemon.stop()
  daemon = await start()
  t.equal(daemon.secretAccessKey, null, 'the secret is shown once')
  t.same(await both(), [200, 200], 'after a restart')

  await run('key', 'rotate')
  t.same(await both(), [200, 200], 'after rotation')
  const keys = (await run('key', 'list')) as { id: string; current: boolean }[]
  const old = keys.find(({ current }) => !current)?.id ?? ''
  t.equal(keys.length, 2)

  const second = await run('share', daemon.bucket, 'a.txt')
  const fresh = new URL(field(second, 'url')).pathname
  await run('key', 'retire', old)
  t.same(await both(), [403, 403], 'from the moment that their key is retired')
  t.equal((await fetch(daemon.endpoint + fresh)).status, 200, 'what the new key signed stays')

  await daemon.stop()
  daemon = await start()
  t.same(await both(), [403, 403], 'for good')
  t.equal((await fetch(daemon.endpoint + fresh)).status, 200)

  await run('disk', 'remove', daemon.bucket)
  t.equal((await fetch(daemon.endpoint + fresh)).status, 404, 'until its disk is gone')
})

t.test('a link that an older version made', async (t) => {
  const state = join(directory, 'old-state')
  const daemon = await startDaemon(root, { state, args: ['--no-mount', '--listen', '127.0.0.1:0'] })
  t.teardown(() => daemon.stop())
  const keyring = Keyring.fromRecord(JSON.parse(readFileSync(join(state, 'keyring.json'), 'utf8')))
  const diskId = parseDiskId(daemon.disk)
  if (diskId === undefined) throw new Error('no disk')
  const seconds = Math.floor(Date.now() / 1000)
  const day = 86_400
  const link = (expires: number, keys = keyring, path = 'a.txt') =>
    daemon.endpoint + oldLink(keys, { diskId, path, expires }, keyring.current)
  const status = async (url: string) => (await fetch(url)).status

  t.equal(await status(link(seconds + 6 * day)), 200, 'opens its file until it expires')
  t.equal(await (await fetch(link(seconds + 5 * day))).text(), 'hello\n')
  t.equal(await status(link(seconds - 10)), 410)
  t.equal(await status(link(seconds + 8 * day)), 403, 'was never made after the upgrade')
  t.equal(await status(link(seconds + day, Keyring.create())), 403, 'is made with our key')
  t.equal(await status(link(seconds + day).replace('a.txt', 'b.txt')), 403, 'opens nothing else')

  const forged = Array.from({ length: 400 }, (_, i) => link(seconds + i + 60, Keyring.create()))
  const answers = await Promise.all(forged.map(status))
  t.same(
    answers.filter((answer) => answer !== 403 && answer !== 503),
    [],
    'forged ones are refused, or too many',
  )
  t.equal(await status(link(seconds + 6 * day)), 200, 'what is known is asked no more')
})
