import { Fault } from '../../../lib/errors.ts'
import type { Command } from '../command.ts'

export const umount: Command = {
  name: 'umount',
  summary: 'Unmount a disk, and keep it so',
  arguments: [{ name: 'DISK', doc: 'its id, its alias or its mount point', completes: 'disk' }],
  flags: { force: { doc: 'detach it even while files in it are open', short: 'f' } },
  run: async (call) => {
    const named = call.argument('DISK')
    const id = named.includes('/') ? await mountedAt(call.path(named)) : named
    const disk = await call.client.ask('unmountDisk', { id }, { force: call.on('force') })
    call.output.result(disk, () => `${disk.name} is not mounted any more`)

    async function mountedAt(path: string): Promise<string> {
      const disks = await call.client.everyDisk()
      const found = disks.find(({ mount }) => mount?.mountpoint === path)
      if (found === undefined)
        throw new Fault(
          'NoSuchDisk',
          `no disk of this daemon is mounted on ${path}: "twofold status" shows where they are`,
        )
      return found.id
    }
  },
}
