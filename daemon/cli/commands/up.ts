import { loadConfig, settingNames, settings, type Config } from '../../../lib/config.ts'
import { Fault } from '../../../lib/errors.ts'
import { formatListen } from '../../../lib/listen-address.ts'
import { createLog } from '../../../lib/log.ts'
import { canonicalDirectory, requireReadable } from '../../../lib/roots.ts'
import type { StatusView } from '../../control/schema.ts'
import type { Primary } from '../../primary.ts'
import { Client } from '../client.ts'
import type { Call, Command } from '../command.ts'
import { mountObstacle } from '../checks/fuse.ts'
import { runPrimary } from '../run-primary.ts'
import { changesBetween } from '../up/changes.ts'
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
daemon runs on the same state, the directory is added to that one; a disk that it serves already is changed by
--alias, --read-only and --no-mount alone, and what was changed is said. Settings are the running daemon's: one that
differs is refused.

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
  exits: { 130: 'it was interrupted before it was ready, or twice' },
  run: async (call) => {
    const directory = existingDirectory(call)
    // Each request would be a line between the lines to paste.
    const defaults = call.output.json ? {} : { logLevel: 'warn' }
    const config = loadConfig({ ...call.written, state: call.text('state') }, call.text('config'), defaults)
    const client = new Client(config.controlSocket)
    const running = await client.statusIfAny()
    const joins = running !== undefined
    if (running !== undefined) refuseOtherSettings(call, config, running)
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
    let mounted = false
    try {
      const ready = await prepare(call, client, directory, joins)
      mounted = ready.json.mountpoint !== null
      call.output.progress('')
      call.output.result(ready.json, () => welcome(ready, joins, statePath(call)))
    } catch (error) {
      call.output.progress('')
      if (primary?.stopping === true) {
        await primary.stopped
        call.output.note('Stopped before it was ready.')
        return 130
      }
      await primary?.stop('it could not be set up')
      throw error
    }
    if (primary === undefined) return
    await primary.stopped
    if (!call.output.json) call.output.note(mounted ? 'Unmounted and stopped.' : 'Stopped.')
    return
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
  const directory = canonicalDirectory(call.path(typed))
  requireReadable(directory)
  return directory
}

/** A daemon that runs has its settings: to drop what somebody typed would be a lie. Throws DaemonRunning. */
function refuseOtherSettings(call: Call, config: Config, running: StatusView): void {
  const others = settingNames.filter((name) => {
    if (call.written[name] === undefined) return false
    if (name === 'listen' && (config.listen.port === 0 || formatListen(config.listen) === running.listen))
      return false
    return JSON.stringify(config[name]) !== JSON.stringify(running.settings[name])
  })
  if (others.length === 0) return
  const flags = others.map((name) => `--${settings[name].flag}`).join(' and ')
  throw new Fault(
    'DaemonRunning',
    `a daemon runs on ${running.state} already, and ${flags} can't be changed while it does: stop it first, or name another --state`,
  )
}

async function prepare(
  call: Call,
  client: Client,
  directory: string | undefined,
  joins: boolean,
): Promise<Welcome> {
  const { disk: found, made, before, note } = await openDisk(client, directory, call.text('alias'))
  const user = await userFor(client, found.id, call.on('new-user'))
  const { disk, obstacle } = await mountFor(client, found, {
    wanted: !call.on('no-mount'),
    // Who starts the daemon says how its mount is to be; who joins one changes what he names.
    readOnly: call.on('read-only') ? true : joins ? undefined : false,
    obstacle: mountObstacle,
  })
  const status = await client.ask('status')
  const mountpoint = disk.mount?.state === 'mounted' ? disk.mount.mountpoint : null
  const changes = (before === null ? [] : changesBetween(before, disk)).filter(
    // A daemon that starts brings the mount that it promises.
    ({ what, from }) => joins || what !== 'mountpoint' || from !== null,
  )
  const notes = [...(note === undefined ? [] : [note])]
  return {
    disk,
    made,
    changes,
    notes,
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
      changes,
      notes,
    },
  }
}
