import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Keyring } from '../../lib/auth/keyring.ts'
import { Disks } from '../../lib/disks.ts'
import { removeMountpoint } from '../../lib/mountpoint.ts'
import { Store } from '../../lib/store/store.ts'
import { MS, MNT, mount, umount2 } from '../../lib/sys/mount.ts'
import { secretToShow, Users } from '../../lib/users.ts'

async function open(t: Test) {
  const top = realpathSync(t.testdir({}))
  const places = { state: join(top, 'state'), mounts: join(top, 'state', 'mounts') }
  mkdirSync(places.mounts, { recursive: true })
  const store = await Store.open(join(places.state, 'level'))
  t.teardown(() => store.close())
  const load = () => Disks.load(store, places)
  const make = (name: string) => {
    mkdirSync(join(top, name), { recursive: true })
    return join(top, name)
  }
  return { top, places, store, disks: await load(), load, make, users: await Users.load(store) }
}

t.test('an adopted disk is the directory, and removing it leaves the files', async (t) => {
  const { disks, make, load } = await open(t)
  const root = make('data')
  writeFileSync(join(root, 'a'), 'precious')
  symlinkSync(root, `${root}-link`)
  const disk = await disks.adopt(`${root}-link`, { alias: 'data', tags: { a: 'b' } })
  t.match(disk, { kind: 'adopted', root, alias: 'data', tags: { a: 'b' }, mountpoint: null })
  t.match(disk.id, /^dsk-[0-9a-f]{16}$/)
  t.equal(disks.find('data'), disk)
  t.equal(disks.find(disk.id), disk)
  t.strictSame((await load()).list(), [disk], 'the store knows it')
  t.equal(await disks.offline(disk), undefined)
  await disks.forget(disk, [])
  await disks.discard(disk)
  t.equal(readFileSync(join(root, 'a'), 'utf8'), 'precious')
  t.throws(() => disks.find('data'), { code: 'NoSuchDisk' })
})

t.test('a managed disk goes with its files, but not with what they point at', async (t) => {
  const { disks, top, make } = await open(t)
  const outside = make('outside')
  writeFileSync(join(outside, 'keep'), 'x')
  const disk = await disks.create({ alias: 'mine' })
  t.match(disk.kind, 'managed')
  for (let n = 0; n < 1200; n++) writeFileSync(join(disk.root, `file-${n}`), '')
  mkdirSync(join(disk.root, 'a/b/c/d'), { recursive: true })
  writeFileSync(join(disk.root, 'a/b/c/d/e'), '')
  symlinkSync(outside, join(disk.root, 'a', 'link'))
  symlinkSync('/none', join(disk.root, 'dangling'))
  await disks.forget(disk, [])
  await disks.discard(disk)
  t.notOk(existsSync(disk.root))
  t.notOk(existsSync(join(top, 'state', 'trash', disk.id)))
  t.ok(existsSync(join(outside, 'keep')))
})

t.test('an alias is a bucket name of one disk', async (t) => {
  const { disks, make } = await open(t)
  const one = await disks.create({ alias: 'one' })
  const two = await disks.create({})
  t.equal(two.alias, null)
  await t.rejects(disks.create({ alias: 'one' }), { code: 'AliasTaken' })
  await t.rejects(disks.adopt(make('x'), { alias: 'one' }), { code: 'AliasTaken' })
  await t.rejects(disks.change(two, { alias: 'one' }), { code: 'AliasTaken' })
  await t.rejects(disks.change(two, { alias: 'No Bucket' }), { code: 'InvalidAlias' })
  t.equal((await disks.change(one, { alias: 'one' })).alias, 'one')
  t.equal((await disks.change(one, { alias: null })).alias, null)
  t.equal((await disks.change(two, { alias: 'one' })).alias, 'one')
})

t.test('roots, the state and mount points are disjoint', async (t) => {
  const { disks, top, places, make } = await open(t)
  const conflict = { code: 'RootConflict' }
  await t.rejects(disks.adopt(places.state, {}), conflict, 'the state itself')
  await t.rejects(disks.adopt(top, {}), conflict, 'what contains the state')
  await t.rejects(disks.adopt('/', {}), conflict)
  await t.rejects(disks.adopt(join(places.state, 'level'), {}), conflict, 'what lies in the state')
  const link = join(top, 'link-to-state')
  symlinkSync(places.state, link)
  await t.rejects(disks.adopt(link, {}), conflict, 'the state by another name')

  const data = await disks.adopt(make('data'), { alias: 'data' })
  await t.rejects(disks.adopt(data.root, {}), conflict, 'one directory is one disk')
  await disks.adopt(make('data/nested'), { alias: 'nested' })

  const mounted = await disks.setMount(data, make('mnt/data'), false)
  t.equal(mounted.mountpoint, join(top, 'mnt/data'))
  await t.rejects(disks.adopt(make('mnt'), {}), conflict, 'what contains a mount point')
  await t.rejects(disks.adopt(make('mnt/data/in'), {}), conflict, 'what lies in a mount point')

  const other = await disks.adopt(make('other'), { alias: 'other' })
  await t.rejects(
    disks.setMount(other, join(top, 'mnt/data'), false),
    conflict,
    'a mount point is one disk’s',
  )
  await t.rejects(disks.setMount(other, join(top, 'mnt/data/in'), false), conflict)
  await t.rejects(disks.setMount(other, join(other.root, 'in'), false), conflict, 'a mount in its own root')
  await t.rejects(disks.setMount(other, top, false), conflict, 'a mount over everything')
  await t.rejects(disks.setMount(other, join(places.state, 'level'), false), conflict)
  await t.rejects(disks.setMount(other, places.mounts, false), conflict)
  t.equal((await disks.setMount(other, undefined, true)).mountpoint, join(places.mounts, 'other'))
  t.ok(lstatSync(join(places.mounts, 'other')).isDirectory())
})

t.test(
  'of a mount point only what was made for it is removed, and that only while it is empty',
  async (t) => {
    const { disks, top, places, make } = await open(t)
    const disk = await disks.adopt(make('data'), { alias: 'data' })
    const own = await disks.setMount(disk, undefined, false)
    t.equal(own.mountMade, join(places.mounts, 'data'), 'never the directory of mounts')
    t.equal((await disks.setMount(own, undefined, true)).mountMade, own.mountMade, 'it is still ours')
    const theirs = await disks.setMount(own, make('theirs'), false)
    t.equal(theirs.mountMade, null)
    t.equal((await disks.setMount(theirs, null, false)).mountMade, null)

    const deep = await disks.setMount(theirs, join(top, 'a/b/c'), false)
    t.equal(deep.mountMade, join(top, 'a'))
    writeFileSync(join(top, 'a/b/kept'), '')
    removeMountpoint(deep.mountpoint ?? '', deep.mountMade ?? '')
    t.same(readdirSync(join(top, 'a/b')), ['kept'])
    writeFileSync(join(top, 'file'), '')
    await t.rejects(
      disks.setMount(disk, join(top, 'a/b'), false),
      { code: 'RootConflict', message: /holds files, which a mount would hide/ },
      'nothing is covered',
    )
    await t.rejects(disks.setMount(disk, '/proc/none', false), { code: 'NotADirectory' }, 'nobody waits')
    await t.rejects(disks.setMount(disk, join(top, 'file'), false), {
      code: 'NotADirectory',
      message: /a file is in its way/,
    })
  },
)

t.test('only directories become disks', async (t) => {
  const { disks, top } = await open(t)
  writeFileSync(join(top, 'file'), '')
  for (const path of [join(top, 'file'), join(top, 'none'), 'relative', join(top, 'file', 'x')]) {
    await t.rejects(disks.adopt(path, {}), { code: 'NotADirectory' }, path)
  }
})

t.test('a root that is another one is offline until it is bound anew', async (t) => {
  const { disks, make, top, load } = await open(t)
  const disk = await disks.adopt(make('data'), { alias: 'data' })
  renameSync(disk.root, join(top, 'moved'))
  t.match(await disks.offline(disk), /ENOENT/)
  make('data')
  t.match(await disks.offline(disk), /not the directory/)
  const bound = await disks.rebind(disk, join(top, 'moved'))
  t.match(bound, { id: disk.id, root: join(top, 'moved') })
  t.equal(await disks.offline(bound), undefined)
  t.strictSame((await load()).list(), [bound])
  const managed = await disks.create({})
  await t.rejects(disks.rebind(managed, join(top, 'data')), { code: 'RootConflict' })
})

t.test(
  'a mount inside of a managed disk keeps it',
  { skip: process.getuid?.() === 0 ? false : 'needs root' },
  async (t) => {
    const { disks, make } = await open(t)
    const precious = make('precious')
    writeFileSync(join(precious, 'keep'), 'x')
    const disk = await disks.create({ alias: 'mine' })
    const inside = join(disk.root, 'inside')
    mkdirSync(inside)
    t.equal(mount(precious, inside, 'none', MS.BIND, null), 0)
    try {
      await t.rejects(disks.forget(disk, []), { code: 'RootConflict', message: /inside/ })
      t.equal(disks.find('mine').id, disk.id)
    } finally {
      umount2(inside, MNT.DETACH)
    }
    t.ok(existsSync(join(precious, 'keep')))
  },
)

t.test('users: one name a disk, another key at each rotation', async (t) => {
  const { disks, users, make, store } = await open(t)
  const keyring = Keyring.create()
  const one = await disks.adopt(make('one'), {})
  const two = await disks.adopt(make('two'), {})
  const bob = await users.add(one, 'bob', 'ro', keyring)
  await t.rejects(users.add(one, 'bob', 'rw', keyring), { code: 'UserExists' })
  await t.rejects(users.add(one, ' bob', 'rw', keyring), { code: 'InvalidArgument' })
  await t.rejects(users.add(one, 'b\nob', 'rw', keyring), { code: 'InvalidArgument' })
  const other = await users.add(two, 'bob', 'rw', keyring)
  t.notMatch(bob.accessKeyId, other.accessKeyId)
  t.equal(users.find(one, 'bob'), bob)
  t.equal(users.find(one, bob.accessKeyId), bob)
  t.throws(() => users.find(one, other.accessKeyId), { code: 'NoSuchUser' }, 'a user is of its disk')

  const next = await users.rotate(bob, keyring)
  t.match(next, { name: 'bob', access: 'ro', diskId: one.id })
  t.not(next.accessKeyId, bob.accessKeyId)
  t.not(secretToShow(keyring, next), secretToShow(keyring, bob))
  t.throws(() => users.find(one, bob.accessKeyId), { code: 'NoSuchUser' })

  await disks.forget(one, users.removals(one.id))
  users.forget(one.id)
  t.strictSame(users.list(), [other])
  t.strictSame(await store.all('users'), [other], 'they went with their disk')
  await users.revoke(other)
  t.strictSame(await store.all('users'), [])
})

t.test('links are followed out into directories that are named, and never into our own', async (t) => {
  const { disks, top, places, make } = await open(t)
  const disk = await disks.adopt(make('data'), {})
  const change = (settings: object) => disks.change(disks.find(disk.id), { settings })
  await t.rejects(change({ symlinks: 'follow' }), { code: 'InvalidArgument', message: /--follow-into DIR/ })
  t.equal(disks.find(disk.id).settings.symlinks, 'inside')
  symlinkSync('shared', join(top, 'link'))
  await t.rejects(
    change({ followInto: [join(top, 'link')] }),
    { code: 'NotADirectory' },
    'it is not there yet',
  )
  const shared = make('shared')
  await change({ symlinks: 'follow', followInto: [join(top, 'link'), shared] })
  t.match(disks.find(disk.id).settings, { symlinks: 'follow', followInto: [shared] })
  for (const path of [places.state, join(places.state, 'disks'), top, '/'])
    await t.rejects(change({ followInto: [path] }), { code: /RootConflict|NotADirectory/ }, path)
  await t.rejects(change({ followInto: ['relative'] }), { code: 'InvalidArgument' })
  await t.rejects(change({ followInto: Array(33).fill(shared) }), { code: 'InvalidArgument' })
  t.same(disks.find(disk.id).settings.followInto, [shared])
  await change({ region: 'other' })
  t.match(disks.find(disk.id).settings, { symlinks: 'follow', followInto: [shared] }, 'what was named stays')
  await t.rejects(change({ symlinks: 'follow', followInto: [] }), { code: 'InvalidArgument' })
  await change({ symlinks: 'inside', followInto: [] })
  await t.rejects(
    disks.adopt(make('more'), { settings: { symlinks: 'follow' } }),
    { code: 'InvalidArgument' },
    'nor may a new disk',
  )
})
