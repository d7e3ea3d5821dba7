/** s5cmd: ls, cp, sync twice, cat. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expectedKeys } from '../fixtures/tree.ts'
import { refuse, succeed } from './command.ts'
import type { Report } from './report.ts'
import { sameDirectory, sameKeys, type Setup } from './setup.ts'

export async function s5cmd({ door, tree, work, bin, env, laidOut }: Setup, report: Report): Promise<void> {
  const program = join(bin, 's5cmd')
  const options = { env: { ...env, S3_ENDPOINT_URL: door.endpoint } }
  const root = `s3://${door.bucket}`

  await report.check('ls gives every key', async () => {
    const { stdout } = await succeed(program, ['--json', 'ls', `${root}/*`], options)
    const keys = stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => {
        const found: unknown = JSON.parse(line)
        const name = found !== null && typeof found === 'object' && 'key' in found ? String(found.key) : line
        return name.slice(root.length + 1)
      })
    sameKeys(keys, expectedKeys(tree))
  })

  const copied = join(work, 'copied')
  mkdirSync(copied)
  await report.check('cp gives every byte of every file, the large ones by parallel ranges', async () => {
    await succeed(program, ['cp', `${root}/*`, `${copied}/`], options)
    sameDirectory(tree, copied)
  })

  await report.check('sync a second time has nothing to do', async () => {
    await succeed(program, ['sync', `${root}/*`, `${copied}/`], options)
    const { stdout } = await succeed(program, ['sync', `${root}/*`, `${copied}/`], options)
    if (stdout !== '') throw new Error(stdout)
  })

  await report.check('cat', async () => {
    const { stdout } = await succeed(program, ['cat', `${root}/plain.txt`], options)
    if (stdout !== 'one tree, two doors\n') throw new Error(stdout)
  })

  await report.check('cp into the bucket is refused', () =>
    refuse(program, ['-r', '1', 'cp', join(laidOut, 'plain.txt'), `${root}/new.txt`], options),
  )
  await report.check('rm is refused', () => refuse(program, ['-r', '1', 'rm', `${root}/plain.txt`], options))
}
