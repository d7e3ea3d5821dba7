/** Letting go of a disk's root: its file system can be unmounted under a daemon that serves on, and comes back. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Client } from '../../daemon/cli/client.ts'
import { isMounted } from '../../lib/sys/mountinfo.ts'
import { startDaemon, twofold } from '../fixtures/daemon.ts'
import { s3, sign, type Door } from '../fixtures/s3.ts'

const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'twofold-offline-')))
t.teardown(() => rmSync(scratch, { recursive: true, force: true }))
const at = (name: string) => join(scratch, name)

function makeImage(): boolean {
  if (process.getuid?.() !== 0) return false
  writeFileSync(at('image'), Buffer.alloc(48 << 20))
  mkdirSync(at('root'))
  return ['mkfs.ext4 -q image', 'mount -o loop image root'].every(
    (command) => spawnSync('sh', ['-c', command], { cwd: scratch }).status === 0,
  )
}
const hasImage = makeImage()
const umount = () => spawnSync('umount', [at('root')], { encoding: 'utf8' })
t.teardown(() => {
  if (hasImage && isMounted(at('root'))) umount()
})

t.test(
  'a disk that is put offline',
  { skip: hasImage ? false : 'needs root and a loop device' },
  async (t) => {
    writeFileSync(at('root/big'), Buffer.alloc(32 << 20, 'b'))
    writeFileSync(at('root/hello.txt'), 'hello')
    mkdirSync(at('root/many'))
    for (let i = 0; i < 5_000; i++) writeFileSync(at(`root/many/${i}`), '')
    mkdirSync(at('data'))
    writeFileSync(at('data/other.txt'), 'other')
    const options = { state: at('state'), args: ['--no-mount', '--listen', '127.0.0.1:0'] }
    let daemon = await startDaemon(at('data'), options)
    t.teardown(async () => daemon.stop())
    const command = (...args: string[]) =>
      spawnSync(process.execPath, [twofold, ...args, '--state', daemon.state], { encoding: 'utf8' })
    const control = () => new Client(join(daemon.state, 'control.sock'))
    const { diskId } = await control().ask('createDisk', {}, { root: at('root'), name: 'removable' })
    const user = await control().ask('addUser', { id: diskId }, { nickname: 'test' })
    const door = (): Door => ({
      ...daemon,
      bucket: 'removable',
      accessKeyId: user.identifier,
      secretAccessKey: user.secretAccessKey,
    })
    const hasFuse =
      (await control()
        .ask('mountDisk', { id: diskId })
        .catch(() => undefined)) !== undefined
    const hello = at('state/mounts/removable/hello.txt')
    t.equal((await s3(door(), { query: { 'list-type': '2', 'max-keys': '1' } })).status, 200)
    t.match((await s3(door(), { query: { prefix: 'many/' } })).body.toString(), /<IsTruncated>true/)
    t.equal((await s3(door(), { key: 'hello.txt' })).status, 200)
    // Somebody who reads nothing of what he asked for.
    const { headers, target } = sign(door(), { key: 'big' })
    const idle = connect(Number(new URL(daemon.endpoint).port), '127.0.0.1')
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    idle.write(`GET ${target} HTTP/1.1\r\n${lines.join('')}\r\n`)
    await new Promise((resolve) => idle.once('readable', resolve))
    const gone = new Promise((resolve) => idle.once('close', resolve))
    t.not(umount().status, 0, 'its file system is held')

    if (hasFuse) {
      const fd = openSync(hello, 'r')
      t.match(command('disk', 'offline', 'removable'), { status: 8, stderr: /is in use.*--force/ })
      t.equal((await s3(door(), { key: 'hello.txt' })).status, 200, 'and is served as before')
      t.equal(readFileSync(hello, 'utf8'), 'hello')
      closeSync(fd)
    }
    t.match(command('disk', 'offline', 'removable'), { status: 0, stdout: /nothing of .*root is held/ })
    t.match(umount(), { status: 0, stderr: '' }, 'nothing of it is held')
    idle.on('error', () => {}).resume()
    await gone
    const refused = await s3(door(), { key: 'hello.txt' })
    t.match([refused.status, refused.body.toString()], [503, /put offline/])
    t.equal((await s3(daemon, { key: 'other.txt' })).body.toString(), 'other')
    t.match(
      command('status').stdout,
      /removable is offline: it was put offline: "twofold disk online removable"/,
    )
    await t.rejects(control().ask('mountDisk', { id: diskId }), { code: 'DiskOffline' })
    await t.rejects(control().ask('share', { id: diskId }, { key: 'hello.txt' }), { code: 'DiskOffline' })
    t.match(command('disk', 'offline', 'removable'), { status: 0 }, 'once more is no error')

    await daemon.stop()
    daemon = await startDaemon(at('data'), options)
    t.equal((await s3(door(), { key: 'hello.txt' })).status, 503, 'across a restart')
    t.match(command('disk', 'online', 'removable'), {
      status: 0,
      stdout: /stays offline: .*is not the directory/,
    })
    execFileSync('mount', ['-o', 'loop', at('image'), at('root')])
    // It is back by itself, as soon as workers were started that may read what is there now.
    while ((await s3(door(), { key: 'hello.txt' })).body.toString() !== 'hello') await sleep(100)
    t.match(command('disk', 'offline', 'removable'), { status: 0 })
    t.match(command('disk', 'online', 'removable'), { status: 0, stdout: /is served again/ })
    if (hasFuse) t.equal(readFileSync(hello, 'utf8'), 'hello', 'mounted where it was')
    await control().ask('offlineDisk', { id: diskId })
    t.equal(umount().status, 0)
    await control().ask('removeDisk', { id: diskId })
  },
)
