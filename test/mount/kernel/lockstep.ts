/**
 * The mount behaves as the directory does, call by call. `node dist/test/mount/kernel/lockstep.js [CALLS [SEED [SEEDS]]]`
 * tries more, and other, sequences than the few that are always tried.
 */
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { defaultMountOptions } from '../../../mount/engine.ts'
import { kernelEngine } from '../../../mount/kernel/engine.ts'
import { lockstep } from '../../fixtures/lockstep.ts'

const [calls = 2500, first = 1, seeds = 6] = process.argv.slice(2).map(Number)
const reason = kernelEngine.unavailable() ?? (process.getuid?.() === 0 ? null : 'needs root')
process.umask(0o022)
t.setTimeout(2 ** 31 - 1)

const ways = [
  { name: 'with passthrough', passthrough: true, both: false },
  { name: 'without passthrough', passthrough: false, both: false },
  { name: 'with calls on the host in between', passthrough: true, both: true },
]
for (const { name, passthrough, both } of ways) {
  t.test(`the same calls have the same outcome, ${name}`, { skip: reason ?? false }, async (t) => {
    const directory = t.testdir({ believed: {}, root: {}, mount: {} })
    chmodSync(directory, 0o755)
    // What the host changes is seen at once where nothing is kept.
    const timeout = both ? 0 : 1
    const session = await kernelEngine.start(
      {
        root: join(directory, 'root'),
        identity: null,
        readOnly: false,
        crossDevices: false,
        maxDescriptors: 0,
      },
      join(directory, 'mount'),
      { ...defaultMountOptions, passthrough, attributeTimeout: timeout, entryTimeout: timeout },
    )
    try {
      for (let seed = first; seed < first + seeds; seed++) {
        const place = (of: string) => join(directory, of, String(seed), 'in')
        for (const of of ['believed', 'root']) {
          mkdirSync(place(of), { recursive: true })
          chmodSync(place(of), 0o777)
        }
        const apart = lockstep(
          { base: place('believed'), other: null },
          { base: place('mount'), other: both ? place('root') : null },
          { seed, calls, setIds: !passthrough },
        )
        const tail = apart?.history.slice(-40)
        t.equal(apart, null, `seed ${seed}`, tail === undefined ? {} : { history: tail })
      }
    } finally {
      await session.unmount(true)
    }
  })
}
