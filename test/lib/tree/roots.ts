import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { identify } from '../../../lib/tree/root.ts'
import { Roots } from '../../../lib/tree/roots.ts'
import { adopted } from '../../fixtures/disk.ts'

t.test('a root stays open while its record says the same, and is opened anew when it does not', async (t) => {
  const dir = t.testdir({ a: {}, b: {} })
  const disk = adopted(join(dir, 'a'))
  const roots = new Roots()
  t.teardown(() => roots.close())
  const root = roots.of(disk)
  t.equal(roots.of(disk), root)
  t.equal(roots.of({ ...disk, alias: null, tags: { x: 'y' } }), root)
  const denying = roots.of({ ...disk, settings: { ...disk.settings, symlinks: 'deny' } })
  t.not(denying, root)
  t.equal(root.check(), false, 'the old one is closed')
  t.equal(denying.check(), true)
  const moved = roots.of({ ...disk, root: join(dir, 'b'), identity: identify(join(dir, 'b')) })
  t.equal(moved.check(), true)
  roots.prune(new Set([disk.id]))
  t.equal(moved.check(), true)
  roots.prune(new Set())
  t.equal(moved.check(), false)
})

t.test('a directory is known again, and another one is not it', async (t) => {
  const dir = t.testdir({ a: {}, b: {} })
  const a = identify(join(dir, 'a'))
  writeFileSync(join(dir, 'a', 'f'), 'x')
  t.same(identify(join(dir, 'a')), a)
  t.notSame(identify(join(dir, 'b')), a)
  t.throws(() => identify(join(dir, 'none')), { code: 'ENOENT' })
  t.throws(() => identify(join(dir, 'a', 'f')), { code: 'ENOTDIR' })
})
