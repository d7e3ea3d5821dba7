/** A disk whose root is a FUSE mount, of which the daemon that serves it hangs. */
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Client } from '../../daemon/cli/client.ts'
import { startDaemon } from '../fixtures/daemon.ts'
import { mounted } from '../fixtures/mounted.ts'
import { s3 } from '../fixtures/s3.ts'

const noFuse = existsSync('/dev/fuse') && process.getuid?.() === 0 ? false : 'needs /dev/fuse and root'

t.test('a root that does not answer is offline, and holds nobody up', { skip: noFuse }, async (t) => {
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'twofold-hung-')))
  const [data, hosted, hung] = ['data', 'hosted', 'hung'].map((name) => {
    mkdirSync(join(scratch, name))
    return join(scratch, name)
  }) as [string, string, string]
  writeFileSync(join(data, 'hello.txt'), 'hello')
  const host = await mounted(hosted, hung, { engine: 'kernel' })
  const daemon = await startDaemon(data, {
    state: join(scratch, 'state'),
    args: ['--no-mount', '--listen', '127.0.0.1:0'],
  })
  const pid = host.process.pid ?? 0
  t.teardown(async () => {
    process.kill(pid, 'SIGCONT')
    await host.stop({ force: true })
    rmSync(scratch, { recursive: true, force: true })
  })
  const control = new Client(join(daemon.state, 'control.sock'))
  const { diskId } = await control.ask('createDisk', {}, { root: hung, name: 'hung' })
  const shown = async () => {
    const [first, second] = (await control.ask('status')).disks
    return [first?.status, second?.status, second?.offlineReason] as const
  }
  t.same(await shown(), ['available', 'available', null])

  process.kill(pid, 'SIGSTOP')
  // The others ask behind it, and the question about the other disk is behind it too.
  const asked = [
    shown(),
    shown(),
    control.ask('showDisk', { id: diskId }),
    control.ask('showDisk', { id: daemon.disk }),
  ]
  t.equal((await control.ask('listUsers', { id: daemon.disk })).length, 1, 'what asks no root need not wait')
  t.equal((await s3(daemon, { key: 'hello.txt' })).body.toString(), 'hello')
  const [first, second, itself, other] = await Promise.all(asked)
  t.match(first, ['available', 'offline', /does not answer/])
  t.same(second, first)
  t.match(itself, { status: 'offline', offlineReason: /does not answer/ })
  t.match(other, { status: 'available' })
  t.match(await shown(), ['available', 'offline', /does not answer/])
  await t.rejects(control.ask('share', { id: diskId }, { key: 'file' }), { code: 'DiskOffline' })
  await t.rejects(control.ask('mountDisk', { id: diskId }, {}), { code: 'DiskOffline' })
  t.match(await control.ask('metrics'), [], 'figures are still to be had')

  process.kill(pid, 'SIGCONT')
  while ((await shown())[1] === 'offline') await sleep(50)
  t.same(await shown(), ['available', 'available', null])

  process.kill(pid, 'SIGSTOP')
  // Its threads stop one after the other.
  while ((await shown())[1] !== 'offline') await sleep(50)
  await daemon.stop()
  t.notMatch(daemon.log(), /child\.killed/, 'control ends by itself, with a thread that waits')
})
