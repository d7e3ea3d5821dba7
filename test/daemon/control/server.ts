/** The control API's server over its own records, asked by callers who may do less than the socket's owner. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Client, type PathParts } from '../../../daemon/cli/client.ts'
import { permissions, socketOwner, type Caller } from '../../../daemon/control/caller.ts'
import type { Daemon } from '../../../daemon/control/daemon.ts'
import { MountStates } from '../../../daemon/control/mount-states.ts'
import { routes, type InputOf, type RouteName } from '../../../daemon/control/routes.ts'
import { createControlServer } from '../../../daemon/control/server.ts'
import { KeyringFile } from '../../../lib/auth/keyring.ts'
import { currentPlace, resolveConfig } from '../../../lib/config.ts'
import { Disks } from '../../../lib/disks.ts'
import { Fault } from '../../../lib/errors.ts'
import { createLog } from '../../../lib/log.ts'
import { Store } from '../../../lib/store/store.ts'
import { Users } from '../../../lib/users.ts'

const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'twofold-caller-')))
const place = (name: string) => {
  mkdirSync(join(scratch, name))
  return join(scratch, name)
}
const store = await Store.open(join(scratch, 'level'))
const daemon: Daemon = {
  config: resolveConfig({}, {}, {}, currentPlace()),
  log: createLog({ level: 'error', format: 'json' }),
  disks: await Disks.load(store, { state: place('state'), mounts: join(scratch, 'mounts') }),
  users: await Users.load(store),
  keyring: KeyringFile.open(join(scratch, 'keyring.json')),
  oldLinksUntil: 0,
  mounts: new MountStates(),
  listen: '127.0.0.1:1',
  endpoint: 'http://127.0.0.1:1',
  metricsListen: null,
  startedAt: Date.now(),
  processes: () => [],
  collectFigures: async () => ({ workers: new Map(), mounts: new Map(), answered: new Set() }),
  // No door is there to be told.
  publish: async () => {},
  unmount: () => {},
  alone: (change) => change(),
}
const [mine, other] = [
  await daemon.disks.adopt(place('mine'), { alias: 'mine' }),
  await daemon.disks.adopt(place('other'), { alias: 'other' }),
]

let caller: Caller = socketOwner
const server = createControlServer(daemon, () => caller)
const socket = join(scratch, 'socket')
await new Promise<void>((resolve) => server.listen(socket, resolve))
t.teardown(async () => {
  server.close()
  server.closeAllConnections()
  await store.close()
  rmSync(scratch, { recursive: true, force: true })
})

/** The code that a route refuses `as` with, or undefined where it does what it was asked. */
async function refusal<N extends RouteName>(
  as: Partial<Caller>,
  name: N,
  parts: PathParts,
  input: Partial<InputOf<N>> = {},
): Promise<string | undefined> {
  caller = { name: 'test', permission: 'admin', disks: 'all', ...as }
  return new Client(socket).ask(name, parts, input).then(
    () => undefined,
    (error: unknown) => (error instanceof Fault ? error.code : String(error)),
  )
}

/** What each route takes, so that nothing but the permission is in the way. */
const inputs: Readonly<Record<RouteName, object>> = {
  status: {},
  metrics: {},
  listDisks: {},
  createDisk: { root: '/nowhere/at/all' },
  showDisk: {},
  changeDisk: {},
  offlineDisk: {},
  onlineDisk: {},
  removeDisk: {},
  listUsers: {},
  addUser: { nickname: 'somebody' },
  rotateUser: { identifier: 'somebody' },
  revokeUser: { identifier: 'somebody' },
  share: { key: 'file' },
  mountDisk: {},
  unmountDisk: {},
  listKeys: {},
  rotateKey: {},
  retireKey: {},
}

t.test('a route answers who has the permission that its row names, and nobody who has less', async (t) => {
  for (const name of Object.keys(routes) as RouteName[]) {
    for (const permission of permissions) {
      const code = await refusal({ permission }, name, { id: 'nothing', type: 's3' }, inputs[name])
      const enough = permissions.indexOf(permission) >= permissions.indexOf(routes[name].needs)
      t.equal(code !== 'AccessDenied', enough, `${name} as ${permission}: ${code ?? 'done'}`)
    }
  }
})

t.test('a refusal names the permission that was missing', async (t) => {
  caller = { name: 'test', permission: 'read', disks: 'all' }
  await t.rejects(new Client(socket).ask('removeDisk', { id: 'mine' }), {
    code: 'AccessDenied',
    message: 'This needs the permission "admin", and yours is "read".',
  })
  t.equal(daemon.disks.find('mine').id, mine.id, 'and it did nothing')
})

t.test('what reaches beyond a disk needs admin, though the disk may be changed', async (t) => {
  const permission = 'disk'
  t.equal(await refusal({ permission }, 'changeDisk', { id: 'mine' }, { tags: { a: 'b' } }), undefined)
  t.equal(await refusal({ permission }, 'changeDisk', { id: 'mine' }, { root: scratch }), 'AccessDenied')
  const follow = { settings: { symlinks: 'follow' as const, followInto: ['/srv'] } }
  t.equal(await refusal({ permission }, 'changeDisk', { id: 'mine' }, follow), 'AccessDenied')
  const further = { settings: { followInto: ['/srv'] } }
  t.equal(await refusal({ permission }, 'changeDisk', { id: 'mine' }, further), 'AccessDenied')
  t.equal(await refusal({ permission }, 'mountDisk', { id: 'mine' }, { mountpoint: '/etc' }), 'AccessDenied')
  t.equal(await refusal({}, 'changeDisk', { id: 'mine' }, follow), undefined, 'an admin may')
  t.match(daemon.disks.find('mine'), { root: mine.root, mountpoint: null })
})

t.test("for who sees one disk there is no other, by whatever name, and no daemon's own", async (t) => {
  const disks = new Set([mine.id])
  t.equal(await refusal({ disks }, 'showDisk', { id: 'mine' }), undefined)
  t.equal(await refusal({ disks }, 'showDisk', { id: mine.id }), undefined)
  t.equal(await refusal({ disks }, 'showDisk', { id: 'other' }), 'NoSuchDisk')
  t.equal(await refusal({ disks }, 'removeDisk', { id: other.id }), 'NoSuchDisk')
  for (const name of Object.keys(routes) as RouteName[]) {
    const { on, path } = routes[name]
    t.equal(on === 'disk', path.startsWith('/api/disks/:id'), `${name} is about the disk in its path`)
    const code = await refusal({ disks }, name, { id: 'other', type: 's3' }, inputs[name])
    const expected = { disk: 'NoSuchDisk', disks: undefined, daemon: 'AccessDenied' }[on]
    t.equal(code, expected, name)
  }
  t.strictSame(
    (await new Client(socket).everyDisk()).map(({ id }) => id),
    [mine.id],
  )
  t.equal(daemon.disks.list().length, 2, 'and nothing has happened to the other')
})
