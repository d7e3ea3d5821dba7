import { aliasFor } from '../alias.ts'
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
    const root = call.path(call.argument('DIRECTORY'))
    const disks = await call.client.everyDisk()
    const derived = () => aliasFor(root, new Set(disks.map(({ name }) => name)))
    const { disk } = await call.client.ask(
      'createDisk',
      {},
      {
        root,
        name: call.on('no-alias') ? null : (call.text('alias') ?? derived()),
        tags: tagsOf(call),
        settings: settingsOf(call),
      },
    )
    call.output.result(
      disk,
      () =>
        `${disk.name} (${disk.id}) is ${disk.root}\nNext: twofold user add ${disk.name} NAME, twofold mount ${disk.name}`,
    )
  },
}
