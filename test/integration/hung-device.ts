/** A local disk whose device doesn't answer: nothing says so beforehand, and the workers that find it out are given up. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { Client } from '../../daemon/cli/client.ts'
import { startDaemon } from '../fixtures/daemon.ts'
import { hungFilesystem, type HungFilesystem } from '../fixtures/hung-filesystem.ts'
import { send, sign, type Door } from '../fixtures/s3.ts'
import { until as untilWithin } from '../fixtures/until.ts'

/** Each of the daemon's own deadlines comes first. */
const until = (what: string, ask: () => boolean | Promise<boolean>) => untilWithin(what, ask, 90_000)

const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'twofold-device-')))
const at = (name: string) => join(scratch, name)

/** An ext4 file system on a loop device, whose bytes come from a FUSE file system; undefined where that can't be. */
async function hungDevice(): Promise<HungFilesystem | undefined> {
  if (process.getuid?.() !== 0) return undefined
  for (const name of ['hosted', 'fuse', 'root', 'data']) mkdirSync(at(name))
  writeFileSync(at('hosted/image'), Buffer.alloc(64 << 20))
  const made = ['mkfs.ext4 -q hosted/image', 'mount -o loop hosted/image root'].every(
    (command) => spawnSync('sh', ['-c', command], { cwd: scratch }).status === 0,
  )
  if (!made) return undefined
  for (let i = 0; i < 40; i++) {
    mkdirSync(at(`root/${i}`))
    writeFileSync(at(`root/${i}/file.bin`), Buffer.alloc(256 << 10, `${i}`))
  }
  execFileSync('umount', [at('root')])
  const hung = await hungFilesystem(at('hosted'), at('fuse'))
  execFileSync('mount', ['-o', 'loop', at('fuse/image'), at('root')])
  return hung
}

const hung = await hungDevice()
t.teardown(async () => {
  hung?.goOn()
  spawnSync('umount', ['-l', at('root')])
  await hung?.end()
  rmSync(scratch, { recursive: true, force: true })
})

const noDevice = hung ? false : 'needs root, FUSE and a loop device'

t.test('bytes that somebody else is reading are not waited for', { skip: noDevice }, async (t) => {
  const file = at('root/39/file.bin')
  const mover = spawn(
    process.execPath,
    [fileURLToPath(new URL('../fixtures/moves-cold.js', import.meta.url)), file],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  )
  t.teardown(() => mover.kill('SIGKILL'))
  const lines = createInterface({ input: mover.stdout })[Symbol.asyncIterator]()
  t.equal((await lines.next()).value, 'open')
  hung?.stop()
  const reader = spawn('cat', [file], { stdio: 'ignore' })
  await until('it waits', () => readFileSync(`/proc/${reader.pid}/wchan`, 'latin1').startsWith('folio_wait'))
  mover.stdin.write('now\n')
  t.equal((await lines.next()).value, 'wait')
  const ended = once(reader, 'exit')
  hung?.goOn()
  t.same(await ended, [0, null])
})

t.test('a device that does not answer', { skip: noDevice }, async (t) => {
  writeFileSync(at('data/hello.txt'), 'hello')
  const daemon = await startDaemon(at('data'), {
    args: ['--no-mount', '--listen', '127.0.0.1:0', '--answer-timeout', '2s'],
  })
  t.teardown(() => daemon.stop())
  const control = new Client(join(daemon.state, 'control.sock'))
  const { diskId } = await control.ask('createDisk', {}, { root: at('root'), name: 'device' })
  const user = await control.ask('addUser', { id: diskId }, { nickname: 'test' })
  const door: Door = {
    ...daemon,
    bucket: 'device',
    accessKeyId: user.identifier,
    secretAccessKey: user.secretAccessKey,
  }
  const get = (of: Door, key: string) =>
    send(of.endpoint, sign(of, { key }), new Agent({ keepAlive: false })).then(
      ({ status }) => status,
      () => 0,
    )
  t.equal(await get(door, '0/file.bin'), 200)
  hung?.stop()
  let answered = 0
  const asked = Array.from({ length: 30 }, (_, i) => get(door, `${i + 1}/file.bin`).finally(() => answered++))
  await until('the disk is suspected', () => daemon.log().includes('"disk.suspected"'))
  await until('others are served', async () =>
    (await Promise.all(Array.from({ length: 20 }, () => get(daemon, 'hello.txt')))).every(
      (status) => status === 200,
    ),
  )
  await until('it is refused', async () => (await get(door, '35/file.bin')) === 503)
  t.match(await Promise.all(Array.from({ length: 20 }, () => get(daemon, 'hello.txt'))), Array(20).fill(200))
  await until('nobody waits any more', () => answered === asked.length)
  // The workers that wait can't be killed, and a revocation waits for none of them.
  const made = await control.ask('addUser', { id: daemon.disk }, { nickname: 'other' })
  await control.ask('revokeUser', { id: daemon.disk, type: 's3' }, { identifier: made.identifier })

  hung?.goOn()
  await until('it is served again', async () => (await get(door, '36/file.bin')) === 200)
  t.equal(await get(door, '1/file.bin'), 200)
  t.equal(await get(daemon, 'hello.txt'), 200)
})
