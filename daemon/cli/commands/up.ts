import { realpathSync, statSync } from 'node:fs'
import { loadConfig } from '../../../lib/config.ts'
import { Fault } from '../../../lib/errors.ts'
import { createLog } from '../../../lib/log.ts'
import type { Primary } from '../../primary.ts'
import { Client } from '../client.ts'
import type { Call, Command } from '../command.ts'
import { mountObstacle } from '../checks/fuse.ts'
import { runPrimary } from '../run-primary.ts'
import { openDisk } from '../up/disk.ts'
import { mountFor } from '../up/mount.ts'
import { userFor } from '../up/user.ts'
import { welcome, type Welcome } from '../up/welcome.ts'

export const up: Command = {
  name: 'up',
  summary: 'Serve a directory through both doors, here and now',
  details: `Makes a disk of the directory (its files stay where they are), starts the daemon, mounts the disk, and prints
endpoint, bucket, access key, secret and lines to paste. Without a directory it takes the disk that was made last,
or makes one with a few sample files. Ctrl-C unmounts and stops; the next start finds everything again. While a
daemon runs on the same state, the directory is added to that one.

S3 reads files with the daemon's rights, whatever their mode bits say: the access key is the authority.

With --json one line of JSON says when all is ready, and logs go to stderr.`,
  arguments: [
    {
      name: 'DIRECTORY',
      doc: 'what to serve',
      optional: true,
      completes: 'directory',
    },
  ],
  flags: {
    'read-only': { doc: 'let nothing be written through the mount' },
    'no-mount': { doc: 'open the S3 door only' },
    'new-user': { doc: 'make another access key and print its secret' },
    alias: {
      doc: "the bucket's name; made from the directory's name when absent",
      value: 'NAME',
    },
  },
  takesSettings: true,
  examples: ['twofold up ~/photos', 'twofold up . --read-only --state /tmp/try', 'twofold up data --json'],
  run: async (call) => {
    const directory = existingDirectory(call)
    // Each request would be a line between the lines to paste.
    const defaults = call.output.json ? {} : { logLevel: 'warn' }
    const config = loadConfig({ ...call.written, state: call.text('state') }, call.text('config'), defaults)
    const client = new Client(config.controlSocket)
    const joins = await client.answers()
    let primary: Primary | undefined
    if (!joins) {
      call.output.progress('starting...')
      const log = createLog({
        level: config.logLevel,
        format: config.logFormat,
      })
      primary = await runPrimary({
        config,
        log,
        whenTaken: call.text('listen') === undefined ? 'next' : 'refuse',
      })
    }
    try {
      const ready = await prepare(call, client, directory)
      call.output.progress('')
      call.output.result(ready.json, () => welcome(ready, joins, statePath(call)))
    } catch (error) {
      call.output.progress('')
      await primary?.stop('it could not be set up')
      throw error
    }
    if (primary === undefined) return
    await primary.stopped
    if (!call.output.json) call.output.note('Unmounted and stopped.')
  },
}

/** Absolute: another terminal may stand elsewhere. */
function statePath(call: Call): string | undefined {
  const state = call.text('state')
  return state === undefined ? undefined : call.path(state)
}

/** Canonical; undefined where none was named. */
function existingDirectory(call: Call): string | undefined {
  const typed = call.argumentIfAny('DIRECTORY')
  if (typed === undefined) return undefined
  const path = call.path(typed)
  try {
    const canonical = realpathSync(path)
    if (statSync(canonical).isDirectory()) return canonical
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    if (code === 'ENOENT') throw new Fault('NotADirectory', `there is no directory ${path}`)
    throw new Fault('NotADirectory', `${path} can't be served: ${code}`)
  }
  throw new Fault('NotADirectory', `${path} is a file; a disk needs a directory`)
}

async function prepare(call: Call, client: Client, directory: string | undefined): Promise<Welcome> {
  const { disk: found, made } = await openDisk(client, directory, call.text('alias'))
  const user = await userFor(client, found.id, call.on('new-user'))
  const { disk, obstacle } = await mountFor(client, found, {
    wanted: !call.on('no-mount'),
    readOnly: call.on('read-only'),
    obstacle: mountObstacle,
  })
  const status = await client.ask('status')
  const mountpoint = disk.mount?.state === 'mounted' ? disk.mount.mountpoint : null
  return {
    disk,
    made,
    obstacle,
    others: status.disks.filter(({ id }) => id !== disk.id),
    json: {
      disk: disk.id,
      endpoint: status.endpoint,
      bucket: disk.name,
      region: disk.region,
      accessKeyId: user.identifier,
      secretAccessKey: user.secretAccessKey,
      mountpoint,
    },
  }
}
