import { Fault } from '../../../lib/errors.ts'
import type { Command } from '../command.ts'

export const diskRemove: Command = {
  name: 'disk remove',
  summary: 'Forget a disk and its users',
  details: `Unmounts it first. The files of an adopted disk stay where they are; the files of a managed disk (one that
"disk create" made) are deleted, which is why that wants --yes.`,
  arguments: [{ name: 'DISK', doc: 'its id or alias', completes: 'disk' }],
  flags: { yes: { doc: 'delete the files of a managed disk', short: 'y' } },
  run: async (call) => {
    const disk = await call.client.ask('showDisk', { id: call.argument('DISK') })
    if (disk.kind === 'managed' && !call.on('yes'))
      throw new Fault('Usage', `this deletes every file in ${disk.root}: add --yes if that is meant`)
    await call.client.ask('removeDisk', { id: disk.id })
    call.output.result({ removed: disk.id }, () =>
      disk.kind === 'managed'
        ? `${disk.name} is gone, and its files with it`
        : `${disk.name} is gone; its files are still in ${disk.root}`,
    )
  },
}
