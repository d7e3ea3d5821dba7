/** rclone, as provider Other (ListObjects) and as AWS (ListObjectsV2, url encoding): lsf, check --download, sync twice. */
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { refuse, succeed } from './command.ts'
import type { Report } from './report.ts'
import { sameDirectory, sameKeys, type Setup } from './setup.ts'

export async function rclone({ door, tree, work, bin, env, laidOut }: Setup, report: Report): Promise<void> {
  const program = join(bin, 'rclone')
  const remote = (provider: string): NodeJS.ProcessEnv => ({
    ...env,
    RCLONE_CONFIG: '/dev/null',
    RCLONE_CONFIG_DOOR_TYPE: 's3',
    RCLONE_CONFIG_DOOR_PROVIDER: provider,
    RCLONE_CONFIG_DOOR_ENDPOINT: door.endpoint,
    RCLONE_CONFIG_DOOR_REGION: door.region,
    RCLONE_CONFIG_DOOR_ACCESS_KEY_ID: door.accessKeyId,
    RCLONE_CONFIG_DOOR_SECRET_ACCESS_KEY: door.secretAccessKey,
    RCLONE_CONFIG_DOOR_FORCE_PATH_STYLE: 'true',
  })
  const root = `door:${door.bucket}`
  const keys = [...tree.objects.keys()]
  const directories = new Set<string>()
  for (const key of [...keys, ...tree.markers])
    for (let above = dirname(key.endsWith('/') ? `${key}.` : key); above !== '.'; above = dirname(above))
      directories.add(`${above}/`)

  for (const provider of ['Other', 'AWS']) {
    const options = { env: remote(provider) }
    await report.check(`lsf -R gives every file (${provider})`, async () => {
      const { stdout } = await succeed(program, ['lsf', '-R', '--files-only', root], options)
      sameKeys(stdout.split('\n').filter(Boolean), keys)
    })
    await report.check(`lsf -R gives every directory, empty ones too (${provider})`, async () => {
      const { stdout } = await succeed(program, ['lsf', '-R', '--dirs-only', root], options)
      sameKeys(stdout.split('\n').filter(Boolean), [...directories])
    })
  }

  // By itself rclone takes a composed and a decomposed name for one file, on any S3.
  const options = { env: { ...remote('Other'), RCLONE_NO_UNICODE_NORMALIZATION: 'true' } }
  await report.check('lsf -R --fast-list gives every file', async () => {
    const { stdout } = await succeed(program, ['lsf', '-R', '--files-only', '--fast-list', root], options)
    sameKeys(stdout.split('\n').filter(Boolean), keys)
  })

  await report.check('check --download finds no difference', async () => {
    const { stderr } = await succeed(program, ['check', '--download', laidOut, root], options)
    if (!stderr.includes(`${keys.length} matching files`)) throw new Error(stderr)
  })

  const copy = join(work, 'copy')
  mkdirSync(copy)
  await report.check('sync gives every byte of every file', async () => {
    await succeed(program, ['sync', root, copy], options)
    sameDirectory(tree, copy)
  })

  await report.check('sync a second time has nothing to do', async () => {
    const { stderr } = await succeed(program, ['sync', '-v', root, copy], options)
    if (!stderr.includes('There was nothing to transfer')) throw new Error(stderr)
  })

  await report.check('cat of a range', async () => {
    const { stdout } = await succeed(
      program,
      ['cat', '--offset', '4', '--count', '4', `${root}/plain.txt`],
      options,
    )
    if (stdout !== 'tree') throw new Error(stdout)
  })

  const once = ['--retries', '1', '--low-level-retries', '1']
  await report.check('copy into the bucket is refused', () =>
    refuse(program, ['copyto', ...once, join(laidOut, 'plain.txt'), `${root}/new.txt`], options),
  )
  await report.check('deletefile is refused', () =>
    refuse(program, ['deletefile', ...once, `${root}/plain.txt`], options),
  )
}
