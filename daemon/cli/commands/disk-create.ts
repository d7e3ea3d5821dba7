import { diskFlags, settingsOf, tagsOf } from '../disk-flags.ts'
import type { Command } from '../command.ts'

export const diskCreate: Command = {
  name: 'disk create',
  summary: 'Make an empty disk in the state directory',
  details: 'Removing such a disk removes its files. To keep files where they are, adopt their directory.',
  arguments: [{ name: 'ALIAS', doc: "the bucket's name; without one it goes by its id", optional: true }],
  flags: diskFlags,
  examples: ['twofold disk create scratch --tag team=blue'],
  run: async (call) => {
    const { disk } = await call.client.ask(
      'createDisk',
      {},
      { name: call.argumentIfAny('ALIAS'), tags: tagsOf(call), settings: settingsOf(call) },
    )
    call.output.result(disk, () => `${disk.name} (${disk.id}) is made; its files are in ${disk.root}`)
  },
}
