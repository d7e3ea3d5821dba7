/**
 * What another user of this machine can put in the way of a daemon that root runs: directories, links and mounts
 * under names that root goes by. Each case does what is forbidden, as an ordinary user.
 */
import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { Client } from '../../daemon/cli/client.ts'
import { MNT, mount, MS, umount2 } from '../../lib/sys/mount.ts'
import { mountTable } from '../../lib/sys/mountinfo.ts'
import { close } from '../../lib/sys/open.ts'
import { openDevice } from '../../mount/kernel/device.ts'
import { startDaemon, twofold } from '../fixtures/daemon.ts'
import { s3 } from '../fixtures/s3.ts'

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

const noFuse = existsSync('/dev/fuse') ? asRoot : { skip: 'needs /dev/fuse' }

/** `twofold serve`, to be stopped. */
function serve(state: string) {
  const args = [
    'NODE_OPTIONS=',
    process.execPath,
    twofold,
    'serve',
    '--state',
    state,
    '--listen',
    '127.0.0.1:0',
  ]
  const child = spawn('/usr/bin/env', args, { stdio: 'ignore' })
  const ended = once(child, 'exit')
  return {
    async ready(control: Client): Promise<void> {
      while ((await control.statusIfAny()) === undefined) {
        if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
        await pause(50)
      }
    },
    async stop(): Promise<void> {
      child.kill('SIGTERM')
      await ended
    },
  }
}

/** What is mounted on `path`, the uppermost last. */
const mountsOn = (path: string) => mountTable().filter(({ mountpoint }) => mountpoint === path)

/** A file system of root's own, which holds a file `root`. */
function stranger(t: Test, path: string): void {
  mkdirSync(path, { recursive: true })
  t.equal(mount('stranger', path, 'tmpfs', 0, 'size=64k,mode=755'), 0)
  writeFileSync(join(path, 'root'), "root's")
  t.teardown(() => umount2(path, MNT.DETACH))
}

t.test('a mount point in a home', noFuse, async (t) => {
  /** A daemon of root's with the disk `data`, and a home with a directory `w`. */
  async function setting(t: Test, made = 'w/mnt') {
    const top = scratch(t)
    const place = home(top, alice)
    mkdirSync(join(top, 'data'))
    writeFileSync(join(top, 'data/file'), 'content')
    sh(alice, `mkdir -p ${place}/${made}`)
    const state = join(top, 'state')
    const control = new Client(join(state, 'control.sock'))
    let daemon = serve(state)
    t.teardown(() => daemon.stop())
    await daemon.ready(control)
    const { diskId: id } = await control.ask('createDisk', {}, { root: join(top, 'data'), name: 'data' })
    return {
      top,
      place,
      control,
      at: join(place, 'w/mnt'),
      mountDisk: (mountpoint: string) => control.ask('mountDisk', { id }, { mountpoint }),
      umount: (force = false) => control.ask('unmountDisk', { id }, { force }),
      stop: () => daemon.stop(),
      start: async () => {
        daemon = serve(state)
        await daemon.ready(control)
      },
      mountOf: async () => (await control.ask('showDisk', { id })).mount,
    }
  }
  /** What the owner of `place` does so that `w/mnt` leads to `victim`. */
  const swap = (place: string, victim: string) =>
    sh(alice, `cd ${place} && mv w w2 && mkdir w && ln -s ${victim} w/mnt`)
  const untouched = (t: Test, victim: string, mounts: number) => {
    t.equal(mountsOn(victim).length, mounts, 'nothing is mounted over what the link leads to')
    t.equal(readFileSync(join(victim, 'root'), 'utf8'), "root's")
  }

  t.test('that its owner turned into a link leads no mount away at the next start', async (t) => {
    const { top, place, at, mountDisk, stop, start, mountOf } = await setting(t)
    const victim = join(top, 'victim')
    mkdirSync(victim)
    writeFileSync(join(victim, 'root'), "root's")
    await mountDisk(at)
    t.equal(readFileSync(join(at, 'file'), 'utf8'), 'content')
    await stop()
    swap(place, victim)
    await start()
    while ((await mountOf())?.state === 'mounting') await pause(50)
    untouched(t, victim, 0)
    t.match(await mountOf(), {
      state: 'failed',
      error: /w\/mnt is a symbolic link of user 4001, so a mount point/,
    })
    sh(alice, `cd ${place} && rm -r w && mv w2 w`)
    while ((await mountOf())?.state !== 'mounted') await pause(100)
    t.equal(readFileSync(join(at, 'file'), 'utf8'), 'content', 'and it comes by itself when that is mended')
  })

  for (const force of [false, true])
    t.test(`that its owner moved is unmounted where it is${force ? ', forced too' : ''}`, async (t) => {
      const { top, place, at, mountDisk, umount } = await setting(t)
      const victim = join(top, 'victim')
      stranger(t, victim)
      await mountDisk(at)
      swap(place, victim)
      t.equal(mountsOn(join(place, 'w2/mnt')).length, 1, 'it went along')
      t.equal((await umount(force)).mount, null)
      untouched(t, victim, 1)
      t.equal(mountsOn(join(place, 'w2/mnt')).length, 0, 'what was said is so')
    })

  t.test('that its owner moved is left by a daemon that stops, and by one that was killed', async (t) => {
    const { top, place, at, mountDisk, stop, start, mountOf, control } = await setting(t)
    const victim = join(top, 'victim')
    stranger(t, victim)
    await mountDisk(at)
    swap(place, victim)
    const child = (await control.ask('status')).processes.find(({ role }) => role === 'mount')
    process.kill(child?.pid ?? 0, 'SIGKILL')
    while ((await mountOf())?.state !== 'failed' || mountsOn(join(place, 'w2/mnt')).length > 0)
      await pause(50)
    untouched(t, victim, 1)
    sh(alice, `cd ${place} && rm -r w && mv w2 w`)
    while ((await mountOf())?.state !== 'mounted') await pause(100)
    swap(place, victim)
    await stop()
    untouched(t, victim, 1)
    t.equal(mountsOn(join(place, 'w2/mnt')).length, 0)
    sh(alice, `cd ${place} && rm -r w && mv w2 w`)
    await start()
    while ((await mountOf())?.state !== 'mounted') await pause(100)
    t.equal(readFileSync(join(at, 'file'), 'utf8'), 'content')
  })

  t.test('that something else is mounted over is not unmounted, and that is named', async (t) => {
    const { at, mountDisk, umount, mountOf, stop } = await setting(t)
    await mountDisk(at)
    stranger(t, at)
    for (const force of [false, true])
      await t.rejects(umount(force), {
        code: 'MountBusy',
        message: /mnt \(tmpfs, stranger\) is mounted .*unmount that first/,
      })
    t.equal(readFileSync(join(at, 'root'), 'utf8'), "root's")
    t.equal(mountsOn(at).length, 2)
    t.match(await mountOf(), { state: 'mounted' }, 'it goes on')
    t.equal(umount2(at, 0), 0)
    t.equal(readFileSync(join(at, 'file'), 'utf8'), 'content')
    stranger(t, at)
    await stop()
    t.equal(readFileSync(join(at, 'root'), 'utf8'), "root's", 'nor at the end of the daemon')
    t.equal(umount2(at, 0), 0)
    while (mountsOn(at).length > 0) umount2(at, MNT.DETACH)
  })

  t.test('that something else is mounted in is not taken along by force', async (t) => {
    const { top, at, mountDisk, umount } = await setting(t)
    mkdirSync(join(top, 'data/sub'))
    await mountDisk(at)
    stranger(t, join(at, 'sub'))
    for (const force of [false, true])
      await t.rejects(umount(force), { code: 'MountBusy', message: /sub \(tmpfs, stranger\)/ })
    t.equal(readFileSync(join(at, 'sub/root'), 'utf8'), "root's")
    t.equal(umount2(join(at, 'sub'), 0), 0)
    t.equal((await umount()).mount, null)
  })

  t.test('with a dead mount of another user is not cleared for him', async (t) => {
    const { at, mountDisk } = await setting(t)
    const device = openDevice()
    const options = `fd=${device},rootmode=40000,user_id=${alice},group_id=${alice}`
    t.equal(mount('twofold:data', at, 'fuse.twofold', 0, options), 0)
    close(device)
    t.teardown(() => umount2(at, MNT.DETACH))
    await t.rejects(mountDisk(at), {
      message: /mnt \(fuse\.twofold, twofold:data\) is a mount point already/,
    })
    t.equal(mountsOn(at).length, 1)
  })

  t.test('below a FUSE file system of its owner is refused without asking that', async (t) => {
    const { place, mountDisk } = await setting(t)
    const device = openDevice()
    const options = `fd=${device},rootmode=40000,user_id=${alice},group_id=${alice},allow_other`
    t.equal(mount('theirs', join(place, 'w'), 'fuse', 0, options), 0)
    t.teardown(() => {
      umount2(join(place, 'w'), MNT.DETACH)
      close(device)
    })
    await t.rejects(mountDisk(join(place, 'w/mnt')), {
      code: 'Untrusted',
      message: /w is a FUSE file system of user 4001/,
    })
  })

  t.test('is made as its owner could, is his, and is removed again', async (t) => {
    const { place, mountDisk, umount } = await setting(t, 'w')
    const at = join(place, 'w/deep/mnt')
    await mountDisk(at)
    t.equal(lstatSync(join(place, 'w/deep')).uid, alice)
    t.equal(readFileSync(join(at, 'file'), 'utf8'), 'content')
    await umount()
    t.same(readdirSync(join(place, 'w')), [])
    await mountDisk(at)
    sh(alice, `cd ${place}/w && mv deep deep2 && mkdir -p deep/mnt`)
    await umount()
    t.equal(lstatSync(join(place, 'w/deep2/mnt')).uid, alice)
    t.same(readdirSync(join(place, 'w/deep2')), ['mnt'], 'what is elsewhere now is left')
  })

  t.test('that anybody else could exchange is refused, with the remedy', async (t) => {
    const { top, place, at, mountDisk } = await setting(t)
    const refused = (message: RegExp) => t.rejects(mountDisk(at), { code: 'Untrusted', message })
    chownSync(at, 0, 0)
    await refused(
      new RegExp(`${place} belongs to user ${alice}, .*: chown ${alice} "${at}", or name another`),
    )
    chownSync(at, bob, bob)
    await refused(new RegExp(`${place} belongs to user ${alice}`))
    chownSync(at, alice, alice)
    chmodSync(join(place, 'w'), 0o775)
    await refused(/w may be written by group 4001 \(mode 775\), .*: chmod g-w/)
    chmodSync(join(place, 'w'), 0o757)
    await refused(/w may be written by everybody/)
    chmodSync(join(place, 'w'), 0o755)
    chmodSync(top, 0o777)
    await refused(new RegExp(`${top} may be written by everybody`))
    chmodSync(top, 0o1777)
    await mountDisk(at)
    t.equal(readFileSync(join(at, 'file'), 'utf8'), 'content', 'a sticky directory is passed')
  })

  t.test('is not where a link of its owner leads', async (t) => {
    const { top, place, mountDisk } = await setting(t)
    mkdirSync(join(top, 'empty'))
    sh(alice, `ln -s ${top}/empty ${place}/link; ln -s ${place}/w ${place}/short`)
    await t.rejects(mountDisk(join(place, 'link')), {
      code: 'Untrusted',
      message: /link is a symbolic link of user/,
    })
    await t.rejects(mountDisk(join(place, 'link/new')), { code: 'Untrusted' })
    await t.rejects(mountDisk(join(place, 'short/mnt')), { code: 'Untrusted' }, 'be it into his own')
    t.same(readdirSync(join(top, 'empty')), [])
  })

  t.test('that is exchanged all the time leads nothing away', { timeout: 300_000 }, async (t) => {
    const { top, place, at, mountDisk, umount } = await setting(t)
    const victim = join(top, 'victim')
    stranger(t, victim)
    sh(alice, `mkdir ${place}/bait; ln -s ${victim} ${place}/bait/mnt; mkdir -p ${place}/other/mnt`)
    const program = fileURLToPath(new URL('../fixtures/swapper.js', import.meta.url))
    const pairs = [join(place, 'w'), join(place, 'bait'), join(place, 'w'), join(place, 'other')]
    const swapper = spawn('/usr/bin/env', ['NODE_OPTIONS=', process.execPath, program, ...pairs], {
      uid: alice,
      gid: alice,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    let mounted = 0
    for (let round = 0; round < 16; round++) {
      try {
        await mountDisk(at)
        mounted++
        await umount(round % 2 === 0)
      } catch (error) {
        t.match(error, {
          code: /Untrusted|NotADirectory|AccessDenied|MountFailed|MountBusy|AlreadyMounted|NotMounted/,
        })
      }
      untouched(t, victim, 1)
      await umount(true).catch(() => undefined)
    }
    const ended = once(swapper, 'exit')
    let swaps = ''
    swapper.stdout.on('data', (bytes: Buffer) => (swaps += bytes.toString()))
    swapper.stdin.end()
    await ended
    t.comment(`${mounted} mounts of 16 stood, among ${swaps.trim()} swaps`)
    t.ok(Number(swaps) > 1000)
    t.same(
      mountTable().filter(({ mountpoint }) => mountpoint.startsWith(place)),
      [],
      'and none is left',
    )
  })
})

t.test('S3 and the state directory', asRoot, async (t) => {
  const top = scratch(t)
  const place = home(top, alice)
  const state = join(top, 'state')
  const data = join(place, 'data')
  sh(alice, `mkdir ${data} && echo mine > ${data}/file`)
  const daemon = await startDaemon(data, { state, args: ['--no-mount', '--listen', '127.0.0.1:0'] })
  t.teardown(() => daemon.stop())
  const control = new Client(join(state, 'control.sock'))
  const id = daemon.disk
  const get = async (key: string) => {
    // A connection that a worker with the rights of before still has would be told to come again.
    const { status, body } = await s3(daemon, { key, headers: { connection: 'close' } })
    return status === 200 ? body.toString() : status
  }

  t.test('links lead into what is named for them, and to no secret', async (t) => {
    const shared = join(top, 'shared')
    mkdirSync(shared)
    writeFileSync(join(shared, 'news'), 'news')
    sh(alice, `cd ${data}; ln -s ${state}/keyring.json key; ln -s ${state} all; ln -s ${shared}/news news`)
    sh(alice, `cd ${data}; ln -s ${shared}/../state/keyring.json round; ln -s /etc/shadow shadow`)
    const links = ['key', 'all/keyring.json', 'round', 'shadow', 'all/disks/']
    t.equal(await get('file'), 'mine\n')
    for (const key of [...links, 'news']) t.equal(await get(key), 404, key)
    await t.rejects(control.ask('changeDisk', { id }, { settings: { symlinks: 'follow' } }), {
      code: 'InvalidArgument',
    })
    for (const into of [state, join(state, 'level'), top, '/'])
      await t.rejects(
        control.ask('changeDisk', { id }, { settings: { symlinks: 'follow', followInto: [into] } }),
        {
          code: 'RootConflict',
        },
      )
    await control.ask('changeDisk', { id }, { settings: { symlinks: 'follow', followInto: [shared] } })
    t.equal(await get('news'), 'news')
    for (const key of links) t.equal(await get(key), 404, key)
    symlinkSync(join(state, 'keyring.json'), join(shared, 'key'))
    sh(alice, `ln -s ${shared} ${data}/in`)
    t.equal(await get('in/news'), 'news')
    t.equal(await get('in/key'), 404, 'nor from there on')
  })

  /** Shows `from` at `at`, until the test has ended. */
  const bind = (t: Test, from: string, at: string) => {
    t.equal(mount(from, at, 'none', MS.BIND, null), 0)
    t.teardown(() => umount2(at, MNT.DETACH))
  }
  const apart = (name: string) => {
    mkdirSync(join(top, name), { recursive: true })
    return join(top, name)
  }

  t.test('it is no disk, no mount point and nothing to follow into by whatever path', async (t) => {
    const by = apart('by')
    for (const [from, to] of [
      [top, ''],
      [state, ''],
      [join(state, 'level'), ''],
      [top, 'state'],
      [top, 'state/level'],
      [state, 'disks'],
    ] as const)
      await t.test(`${from}, ${to}`, async (t) => {
        bind(t, from, by)
        const root = join(by, to)
        await t.rejects(control.ask('createDisk', {}, { root }), {
          code: 'RootConflict',
          message: /by another path to twofold's own state directory/,
        })
        await t.rejects(control.ask('changeDisk', { id }, { root }), { code: 'RootConflict' })
        await t.rejects(control.ask('changeDisk', { id }, { settings: { followInto: [root] } }), {
          code: 'RootConflict',
        })
        if (root === by && from === top) return
        await t.rejects(control.ask('mountDisk', { id }, { mountpoint: join(root, 'new') }), {
          code: 'RootConflict',
        })
      })
  })

  t.test('what is mounted in a disk that crosses devices shows nothing of it', async (t) => {
    const root = apart('crossing')
    for (const name of ['up', 'all', 'level', 'fine']) mkdirSync(join(root, name))
    writeFileSync(join(root, 'key'), '')
    mkdirSync(join(top, 'plain'))
    writeFileSync(join(top, 'plain/file'), 'plain')
    const settings = { crossDevices: true }
    const { diskId } = await control.ask('createDisk', {}, { root, name: 'crossing', settings })
    const user = await control.ask('addUser', { id: diskId }, { nickname: 'reader' })
    const door = {
      ...daemon,
      bucket: 'crossing',
      accessKeyId: user.identifier,
      secretAccessKey: user.secretAccessKey,
    }
    const mountpoint = join(top, 'view')
    await control.ask('mountDisk', { id: diskId }, { mountpoint })
    for (const [from, at] of [
      [top, 'up'],
      [state, 'all'],
      [join(state, 'level'), 'level'],
      [join(state, 'keyring.json'), 'key'],
      [join(top, 'plain'), 'fine'],
    ] as const)
      bind(t, from, join(root, at))
    const ask = async (key: string) => (await s3(door, { key, headers: { connection: 'close' } })).status
    // Workers whose domain was made before these mounts have to be made anew.
    for (let tries = 0; (await ask('fine/file')) === 503 && tries < 100; tries++) await pause(100)
    t.equal(await ask('fine/file'), 200)
    t.equal(await ask('up/plain/file'), 200)
    for (const key of [
      'key',
      'all/',
      'all/keyring.json',
      'level/',
      'level/CURRENT',
      'up/state/',
      'up/state/keyring.json',
      'up/state/level/CURRENT',
    ])
      t.equal(await ask(key), 404, key)
    const listed = (await s3(door, { key: '', query: { 'list-type': '2' } })).body.toString()
    t.match(listed, '<Key>fine/file</Key>')
    t.notMatch(listed, /keyring|CURRENT|>level|>all|state/)

    await pause(1100)
    t.equal(readFileSync(join(mountpoint, 'up/plain/file'), 'utf8'), 'plain')
    t.same(readdirSync(mountpoint).sort(), ['fine', 'up'])
    t.notOk(readdirSync(join(mountpoint, 'up')).includes('state'))
    for (const path of ['key', 'all/keyring.json', 'level/CURRENT', 'up/state/keyring.json'])
      t.throws(() => readFileSync(join(mountpoint, path)), { code: 'ENOENT' }, path)
    await control.ask('unmountDisk', { id: diskId }, {})
  })

  t.test('a disk that it has come to lie in is withheld', async (t) => {
    const under = apart('under')
    const inner = apart('under/inner')
    const view = apart('view-of-under')
    bind(t, under, view)
    writeFileSync(join(under, 'file'), 'file')
    let served = serve(join(top, 'second'))
    const second = new Client(join(top, 'second/control.sock'))
    await served.ready(second)
    const { diskId } = await second.ask('createDisk', {}, { root: view, name: 'view' })
    t.match(await second.ask('showDisk', { id: diskId }), { status: 'available' })
    await served.stop()
    renameSync(join(top, 'second'), join(inner, 'second'))
    served = serve(join(inner, 'second'))
    t.teardown(() => served.stop())
    const moved = new Client(join(inner, 'second/control.sock'))
    await served.ready(moved)
    t.match(await moved.ask('showDisk', { id: diskId }), {
      status: 'offline',
      offlineReason: /by another path to twofold's own state directory/,
    })
    await t.rejects(moved.ask('mountDisk', { id: diskId }, {}), { code: 'DiskOffline' })
  })
})
