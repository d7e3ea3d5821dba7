import {
  closeSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Level } from 'level'
import { defaultSettings, newDiskId, parseAlias, type Disk, type S3User } from '../../../lib/disk.ts'
import { MNT, mount, umount2 } from '../../../lib/sys/mount.ts'
import { put, remove, Store } from '../../../lib/store/store.ts'

const disk = (more: Partial<Disk> = {}): Disk => ({
  id: newDiskId(),
  alias: parseAlias('photos'),
  account: 'default',
  kind: 'adopted',
  root: '/srv/photos',
  identity: { fileSystem: 'abc:ef53', ino: '2', handle: '01' },
  settings: defaultSettings,
  tags: { owner: 'Zoë' },
  mountpoint: null,
  mountMade: null,
  mountReadOnly: false,
  letGo: false,
  createdAt: '2026-11-21T00:00:00.000Z',
  ...more,
})
const user = (of: Disk, accessKeyId: string): S3User => ({
  accessKeyId,
  diskId: of.id,
  name: accessKeyId.toLowerCase(),
  access: 'ro',
  keyId: '00112233',
  createdAt: '2026-11-21T00:00:00.000Z',
})

t.test('records come back as they went in', async (t) => {
  const directory = join(t.testdir({}), 'level')
  const one = disk()
  const two = disk({ alias: null, identity: { fileSystem: 'x', ino: '1' }, mountpoint: '/mnt/two' })
  const store = await Store.open(directory)
  await store.write([
    put('disks', one),
    put('disks', two),
    put('users', user(one, 'TWOFA')),
    put('users', user(one, 'TWOFB')),
  ])
  await store.write([remove('users', 'TWOFA')])
  await store.close()
  const again = await Store.open(directory)
  const byId = (a: Disk, b: Disk) => (a.id < b.id ? -1 : 1)
  t.strictSame((await again.all('disks')).sort(byId), [one, two].sort(byId))
  t.strictSame(await again.all('users'), [user(one, 'TWOFB')])
  await again.close()
})

t.test('what an older version wrote gets the defaults of what came later', async (t) => {
  const directory = join(t.testdir({}), 'level')
  const store = await Store.open(directory)
  const { symlinks } = defaultSettings
  await store.write([put('disks', disk({ settings: { symlinks } as Disk['settings'] }))])
  t.same((await store.all('disks'))[0]?.settings, defaultSettings)
  await store.close()
})

t.test('a damaged value is refused by name', async (t) => {
  const directory = join(t.testdir({}), 'level')
  const store = await Store.open(directory)
  const one = disk()
  await store.write([put('disks', one)])
  await store.close()
  const level = new Level(directory)
  const value = await level.get(`disk!${one.id}`)
  await level.put(`disk!${one.id}`, value.replace('photos', 'videos'))
  await level.close()
  const again = await Store.open(directory)
  await t.rejects(again.all('disks'), { code: 'StoreDamaged', message: new RegExp(one.id) })
  await again.close()
})

t.test('a value that moved to another key is refused', async (t) => {
  const directory = join(t.testdir({}), 'level')
  const store = await Store.open(directory)
  const one = disk()
  await store.write([put('disks', one)])
  await store.close()
  const level = new Level(directory)
  await level.put(`disk!${newDiskId()}`, await level.get(`disk!${one.id}`))
  await level.close()
  const again = await Store.open(directory)
  await t.rejects(again.all('disks'), { code: 'StoreDamaged' })
  await again.close()
})

t.test('a log that lost its end is noticed, since a revoked user would be back', async (t) => {
  const directory = join(t.testdir({}), 'level')
  const store = await Store.open(directory)
  const one = disk()
  await store.write([put('disks', one), put('users', user(one, 'TWOFA'))])
  for (let n = 0; n < 50; n++) await store.write([put('users', user(one, `TWOF${n}`))])
  await store.write([remove('users', 'TWOFA')])
  await store.close()
  const log = readdirSync(directory).find((name) => name.endsWith('.log')) ?? ''
  const bytes = readFileSync(join(directory, log))
  const middle = Math.floor(bytes.length / 2)
  bytes.fill(0xff, middle, middle + 16)
  writeFileSync(join(directory, log), bytes)
  await t.rejects(Store.open(directory), { code: 'StoreDamaged', message: /lost their last \d+ changes/ })

  rmSync(`${directory}.changes`)
  const accepted = await Store.open(directory)
  t.ok((await accepted.all('users')).length < 51, 'what is left can be had after it was accepted')
  await accepted.close()
})

t.test('records without a version are not taken for a store of ours', async (t) => {
  const directory = join(t.testdir({}), 'level')
  await (await Store.open(directory)).close()
  const level = new Level(directory)
  await level.put('disk!dsk-0000000000000000', 'whatever')
  await level.close()
  await t.rejects(Store.open(directory), { code: 'StoreDamaged', message: /no version/ })
})

t.test('two may not have it open', { timeout: 30_000 }, async (t) => {
  const directory = join(t.testdir({}), 'level')
  const store = await Store.open(directory)
  await t.rejects(Store.open(directory), { code: 'StoreDamaged', message: /can't be opened/ })
  await store.close()
})

t.test(
  'on a full file system a write is whole or refused, and later ones go on',
  { skip: process.getuid?.() === 0 ? false : 'needs root to mount a small file system' },
  async (t) => {
    const place = t.testdir({})
    t.equal(mount('none', place, 'tmpfs', 0, 'size=256k'), 0)
    const directory = join(place, 'level')
    try {
      const store = await Store.open(directory)
      const known: string[] = []
      const add = async (name: string) => {
        await store.write([put('users', user(disk(), name))])
        known.push(name)
      }
      await add('FIRST')
      const fd = openSync(join(place, 'filler'), 'w')
      t.throws(
        () => {
          for (;;) writeSync(fd, Buffer.alloc(4096))
        },
        { code: 'ENOSPC' },
      )
      let refused = 0
      for (let i = 0; i < 60; i++) {
        try {
          await add(`FULL${i}`)
        } catch (thrown) {
          t.match(thrown, { code: 'StorageFull' })
          refused++
        }
      }
      t.ok(refused > 0, `${refused} refused`)
      ftruncateSync(fd)
      closeSync(fd)
      await add('LATER')
      await add('LAST')
      t.strictSame((await store.all('users')).map(({ accessKeyId }) => accessKeyId).sort(), known.sort())
      await store.close()
      const again = await Store.open(directory)
      t.strictSame((await again.all('users')).map(({ accessKeyId }) => accessKeyId).sort(), known.sort())
      await again.close()
      t.same(
        readdirSync(place).filter((name) => name.startsWith('level.changes.')),
        [],
      )
    } finally {
      t.equal(umount2(place, MNT.DETACH), 0)
    }
  },
)
