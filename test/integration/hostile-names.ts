/**
 * What another user of this machine can put in the way of a daemon that root runs: directories, links and mounts
 * under names that root goes by. Each case does what is forbidden, as an ordinary user.
 */
import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startDaemon, twofold } from '../fixtures/daemon.ts'

const [alice, bob] = [4001, 4002] as const
const asRoot = { skip: process.getuid?.() === 0 ? false : 'needs root, to be two others' }

/** A directory that everybody may pass, gone when the test has ended. */
function scratch(t: Test): string {
  const top = realpathSync(mkdtempSync(join(tmpdir(), 'twofold-names-')))
  chmodSync(top, 0o755)
  t.teardown(() => rmSync(top, { recursive: true, force: true }))
  return top
}

/** A directory of `user`'s own. */
function home(top: string, user: number): string {
  const place = join(top, String(user))
  mkdirSync(place)
  chownSync(place, user, user)
  return place
}

/** What a shell says that `user` runs. */
function sh(user: number, command: string): string {
  const { status, stdout, stderr } = spawnSync('sh', ['-ec', command], {
    uid: user,
    gid: user,
    env: { PATH: process.env.PATH },
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`${command}: ${stderr}`)
  return stdout
}

function cli(...args: string[]): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [twofold, ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { status, text: stdout + stderr }
}

t.test('a state directory of somebody else', asRoot, async (t) => {
  t.test('that a daemon of his has prepared is not opened by root', async (t) => {
    const top = scratch(t)
    const place = home(top, alice)
    const state = join(place, 'state')
    sh(alice, `mkdir ${place}/data`)
    const prepared = await startDaemon(join(place, 'data'), {
      state,
      user: alice,
      args: ['--no-mount', '--listen', '127.0.0.1:0'],
    })
    await prepared.stop()
    t.ok(existsSync(join(state, 'level')), 'he has his records')
    for (const args of [['up', '--no-mount'], ['serve']]) {
      const { status, text } = cli(...args, '--state', state, '--listen', '127.0.0.1:0')
      t.equal(status, 4)
      t.match(
        text,
        new RegExp(`${place} belongs to user ${alice}, so .*: chown 0 "${place}", or name another`),
      )
    }
    chownSync(place, 0, 0)
    t.match(cli('serve', '--state', state).text, new RegExp(`${state} belongs to user ${alice}`))
    chownSync(state, 0, 0)
    t.match(cli('serve', '--state', state).text, new RegExp(`${state}/\\S+ belongs to user ${alice}`))
  })

  t.test('that he made in /tmp before root did is not taken', async (t) => {
    const top = scratch(t)
    chmodSync(top, 0o1777)
    sh(alice, `mkdir -m 777 ${top}/x`)
    t.match(cli('serve', '--state', `${top}/x`), { status: 4, text: /x belongs to user 4001/ })
    sh(alice, `ln -s /etc ${top}/y`)
    t.match(cli('serve', '--state', `${top}/y`), { status: 4, text: /y is a symbolic link of user 4001/ })
    t.match(cli('serve', '--state', `${top}/y/twofold-new`).status, 4)
    t.notOk(existsSync('/etc/twofold-new'))
  })

  t.test('is no more his configuration than his records', async (t) => {
    const top = scratch(t)
    const place = home(top, alice)
    sh(alice, `echo '{"state": "${place}/state"}' > ${place}/config.json`)
    t.match(cli('status', '--config', `${place}/config.json`), { status: 4, text: /belongs to user 4001/ })
    writeFileSync(join(top, 'config.json'), '{}')
    chmodSync(join(top, 'config.json'), 0o666)
    t.match(cli('status', '--config', `${top}/config.json`), { status: 4, text: /written by everybody/ })
  })

  t.test('has a control socket that root asks nothing', async (t) => {
    const top = scratch(t)
    chmodSync(top, 0o1777)
    let asked = 0
    const server = createServer((socket) => {
      asked++
      socket.destroy()
    })
    const path = join(top, 'control.sock')
    server.listen(path)
    await once(server, 'listening')
    t.teardown(() => server.close())
    chownSync(path, bob, bob)
    for (const args of [['status'], ['umount', 'disk'], ['key', 'rotate'], ['up', '--no-mount']]) {
      const child = spawn(process.execPath, [twofold, ...args, '--state', top])
      const [status] = (await once(child, 'exit')) as [number]
      t.equal(status, 4, args.join(' '))
    }
    t.equal(asked, 0)
  })
})
