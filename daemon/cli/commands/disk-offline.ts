import type { Command } from '../command.ts'

export const diskOffline: Command = {
  name: 'disk offline',
  summary: "Let go of a disk's root, to unmount or unplug its file system",
  details: `Ends the disk's mount and what is being sent of it, and answers when nothing of its root is held. S3 says 503,
and says so across restarts, until "disk online".`,
  arguments: [{ name: 'DISK', doc: 'its id or alias', completes: 'disk' }],
  flags: { force: { doc: 'detach its mount even while files in it are open', short: 'f' } },
  exits: { 8: 'its mount is in use' },
  run: async (call) => {
    const disk = await call.client.ask(
      'offlineDisk',
      { id: call.argument('DISK') },
      { force: call.on('force') },
    )
    call.output.result(disk, () => `${disk.name} is offline, and nothing of ${disk.root} is held`)
  },
}
