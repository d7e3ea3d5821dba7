/** aws cli: ls, cp, sync twice, presign. */
import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expectedKeys } from '../fixtures/tree.ts'
import { command, refuse, succeed } from './command.ts'
import type { Report } from './report.ts'
import { md5OfFile, sameDirectory, sameKeys, type Setup } from './setup.ts'

export async function awsCli({ door, tree, work, bin, env, laidOut }: Setup, report: Report): Promise<void> {
  const aws = join(bin, 'aws')
  const root = `s3://${door.bucket}`
  const options = { env }

  await report.check('s3 ls --recursive gives every key in order', async () => {
    const { stdout } = await succeed(aws, ['s3', 'ls', '--recursive', root], options)
    const keys = stdout.split('\n').filter(Boolean)
    // "2026-11-21 15:30:00" and ten columns of size before the key.
    const got = keys.map((line) => line.replace(/^\S+ \S+ +\d+ /, ''))
    const want = expectedKeys(tree)
    sameKeys(got, want)
    if (got.join('\n') !== want.join('\n')) throw new Error('another order')
  })

  await report.check('s3 ls of a directory gives its directories and files', async () => {
    const { stdout } = await succeed(aws, ['s3', 'ls', `${root}/empty-directories/`], options)
    const names = stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => line.replace(/^ +PRE /, ''))
    sameKeys(names, ['nested/', 'one/', 'per%cent+plus/', 'with space/', 'ünï/'])
  })

  await report.check('s3 cp of the large file, by parallel ranges', async () => {
    const path = join(work, 'large.bin')
    await succeed(aws, ['s3', 'cp', '--no-progress', `${root}/large/large.bin`, path], options)
    if (md5OfFile(path) !== tree.objects.get('large/large.bin')?.md5) throw new Error('other bytes')
  })

  await report.check('s3 cp to stdout', async () => {
    const { stdout } = await succeed(aws, ['s3', 'cp', `${root}/plain.txt`, '-'], options)
    const md5 = createHash('md5').update(stdout).digest('hex')
    if (md5 !== tree.objects.get('plain.txt')?.md5) throw new Error(`other bytes: ${stdout}`)
  })

  await report.check('s3 cp --recursive of awkward names', async () => {
    const to = join(work, 'marks')
    await succeed(aws, ['s3', 'cp', '--no-progress', '--recursive', `${root}/marks/`, to], options)
    sameDirectory(tree, to, 'marks/')
  })

  const copy = join(work, 'copy')
  mkdirSync(copy)
  await report.check('s3 sync gives every byte of every file', async () => {
    await succeed(aws, ['s3', 'sync', '--no-progress', root, copy], options)
    sameDirectory(tree, copy)
  })

  await report.check('s3 sync a second time has nothing to do', async () => {
    const { stdout } = await succeed(aws, ['s3', 'sync', '--no-progress', root, copy], options)
    if (stdout !== '') throw new Error(stdout)
  })

  await report.check('s3 presign opens without credentials', async () => {
    for (const key of ['plain.txt', `marks/a=b&c=d?e#f;g.txt`, 'unicode/emoji 😀.txt']) {
      const { stdout } = await succeed(
        aws,
        ['s3', 'presign', '--expires-in', '600', `${root}/${key}`],
        options,
      )
      const response = await fetch(stdout.trim())
      const body = Buffer.from(await response.arrayBuffer())
      if (createHash('md5').update(body).digest('hex') !== tree.objects.get(key)?.md5)
        throw new Error(`${key}: ${response.status} ${body.subarray(0, 500).toString()}`)
    }
  })

  await report.check('s3api head-object and get-object agree', async () => {
    const where = ['--bucket', door.bucket, '--key', 'large/odd.bin', '--query', 'ETag', '--output', 'text']
    const head = await succeed(aws, ['s3api', 'head-object', ...where], options)
    const get = await succeed(aws, ['s3api', 'get-object', ...where, '/dev/null'], options)
    if (head.stdout === '' || head.stdout !== get.stdout) throw new Error(`${head.stdout} and ${get.stdout}`)
  })

  await report.check('a key that is not there is status 1', async () => {
    const finished = await command(aws, ['s3', 'cp', `${root}/nowhere.txt`, '-'], options)
    if (finished.status !== 1 || !finished.stderr.includes('404')) throw new Error(finished.stderr)
  })

  await report.check('s3 cp into the bucket is refused', () =>
    refuse(aws, ['s3', 'cp', join(laidOut, 'plain.txt'), `${root}/new.txt`], options),
  )
  await report.check('s3 rm is refused', () => refuse(aws, ['s3', 'rm', `${root}/plain.txt`], options))
}
