import { aliasFor, aliasNote } from '../alias.ts'
import { Fault } from '../../../lib/errors.ts'
import { canonicalDirectory } from '../../../lib/roots.ts'
import { diskFlags, settingsOf, tagsOf } from '../disk-flags.ts'
import type { Command } from '../command.ts'

export const diskAdopt: Command = {
  name: 'disk adopt',
  summary: 'Make a disk of a directory that exists',
  details: `The files stay where they are, and stay when the disk is removed. S3 reads them with the daemon's rights,
whatever their mode bits say: who holds an access key of the disk reads all of it.`,
  arguments: [{ name: 'DIRECTORY', doc: 'the directory', completes: 'directory' }],
  flags: {
    alias: { doc: "the bucket's name; made from the directory's name when absent", value: 'NAME' },
    'no-alias': { doc: 'let it go by its id alone' },
    ...diskFlags,
  },
  examples: ['twofold disk adopt /srv/photos', 'twofold disk adopt . --alias work --symlinks deny'],
  run: async (call) => {
    const root = canonicalDirectory(call.path(call.argument('DIRECTORY')))
    const typed = call.on('no-alias') ? null : call.text('alias')
    if (call.on('no-alias') && call.text('alias') !== undefined)
      throw new Fault('Usage', '--alias and --no-alias exclude each other')
    const disks = typed === undefined ? await call.client.everyDisk() : []
    const derived = typed === undefined ? aliasFor(root, new Set(disks.map(({ name }) => name))) : null
    const { disk } = await call.client.ask(
      'createDisk',
      {},
      {
        root,
        name: derived === null ? typed : derived.alias,
        tags: tagsOf(call),
        settings: settingsOf(call),
      },
    )
    const note = derived === null ? undefined : aliasNote(derived, disk.name)
    call.output.result({ ...disk, notes: note === undefined ? [] : [note] }, () =>
      [
        `${disk.name} (${disk.id}) is ${disk.root}`,
        ...(note === undefined ? [] : [note]),
        `Next: twofold user add ${disk.name} NAME, twofold mount ${disk.name}`,
      ].join('\n'),
    )
  },
}
