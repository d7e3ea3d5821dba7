import type { Command } from '../command.ts'

export const mount: Command = {
  name: 'mount',
  summary: 'Mount a disk, now and at every start of the daemon',
  details: 'Returns when the mount stands.',
  arguments: [
    { name: 'DISK', doc: 'its id or alias', completes: 'disk' },
    {
      name: 'MOUNTPOINT',
      doc: 'an empty directory; made beneath the directory of mounts when absent',
      optional: true,
      completes: 'directory',
    },
  ],
  flags: { 'read-only': { doc: 'let nothing be written through the mount' } },
  examples: ['twofold mount photos', 'twofold mount photos /srv/view --read-only'],
  run: async (call) => {
    const mountpoint = call.argumentIfAny('MOUNTPOINT')
    const disk = await call.client.ask(
      'mountDisk',
      { id: call.argument('DISK') },
      {
        mountpoint: mountpoint === undefined ? undefined : call.path(mountpoint),
        readOnly: call.on('read-only'),
      },
    )
    call.output.result(disk, () => disk.mount?.mountpoint ?? '')
  },
}
