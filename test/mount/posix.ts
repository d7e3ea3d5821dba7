import { join } from 'node:path'
import t from 'tap'
import type { Feature } from '../../mount/engine.ts'
import { engines } from '../../mount/engines.ts'
import { mounted } from '../fixtures/mounted.ts'
import { lacks, posixSuite } from '../fixtures/posix-suite.ts'

t.setTimeout(280_000)

t.test('a plain directory, the oracle', async (t) => {
  await posixSuite(t, t.testdir(), new Set(Object.keys(lacks) as Feature[]))
})

for (const engine of engines) {
  const reason = engine.unavailable()
  t.test(`a mount by the engine ${engine.name}`, { skip: reason ?? false }, async (t) => {
    const directory = t.testdir({ root: {}, mount: {} })
    const mount = await mounted(join(directory, 'root'), join(directory, 'mount'), { engine: engine.name })
    try {
      await posixSuite(t, join(directory, 'mount'), engine.supports)
    } finally {
      // Before the test's directory is removed.
      const { status } = await mount.stop()
      t.equal(status, 0, 'the mount process ends well')
    }
  })
}
