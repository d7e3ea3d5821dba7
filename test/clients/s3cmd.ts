/** s3cmd: ls -r, get, sync twice, info. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expectedKeys } from '../fixtures/tree.ts'
import { refuse, succeed } from './command.ts'
import type { Report } from './report.ts'
import { md5OfFile, sameDirectory, sameKeys, type Setup } from './setup.ts'

export async function s3cmd({ door, tree, work, bin, env, laidOut }: Setup, report: Report): Promise<void> {
  const program = join(bin, 's3cmd')
  const { host } = new URL(door.endpoint)
  const configuration = join(work, 's3cfg')
  writeFileSync(
    configuration,
    `[default]
access_key = ${door.accessKeyId}
secret_key = ${door.secretAccessKey}
bucket_location = ${door.region}
host_base = ${host}
host_bucket = ${host}
use_https = False
`,
  )
  const options = { env }
  const root = `s3://${door.bucket}/`
  const run = (...args: string[]) => succeed(program, ['-c', configuration, ...args], options)

  await report.check('ls -r gives every key', async () => {
    const { stdout } = await run('ls', '-r', root)
    const lines = stdout.split('\n').filter(Boolean)
    sameKeys(
      lines.map((line) => line.slice(line.indexOf(root) + root.length)),
      expectedKeys(tree),
    )
  })

  await report.check('get of the large file', async () => {
    const path = join(work, 'large.bin')
    await run('get', '--no-progress', `${root}large/large.bin`, path)
    if (md5OfFile(path) !== tree.objects.get('large/large.bin')?.md5) throw new Error('other bytes')
  })

  const copy = join(work, 'copy')
  mkdirSync(copy)
  await report.check('sync gives every byte of every file', async () => {
    await run('sync', '--no-progress', root, `${copy}/`)
    sameDirectory(tree, copy)
  })

  await report.check('sync a second time has nothing to do', async () => {
    const { stdout } = await run('sync', '--no-progress', root, `${copy}/`)
    if (stdout.includes('download:')) throw new Error(stdout)
  })

  await report.check('info of an object', async () => {
    const { stdout } = await run('info', `${root}plain.txt`)
    if (!/File size: +20\n/.test(stdout)) throw new Error(stdout)
  })

  const refused = (...args: string[]) =>
    refuse(program, ['-c', configuration, '--max-retries=1', ...args], options)
  await report.check('put is refused', () => refused('put', join(laidOut, 'plain.txt'), `${root}new.txt`))
  await report.check('del is refused', () => refused('del', `${root}plain.txt`))
}
