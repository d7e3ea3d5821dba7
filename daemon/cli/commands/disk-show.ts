import { diskText } from '../describe.ts'
import type { Command } from '../command.ts'

export const diskShow: Command = {
  name: 'disk show',
  summary: 'Show one disk',
  arguments: [{ name: 'DISK', doc: 'its id or alias', completes: 'disk' }],
  flags: {},
  run: async (call) => {
    const disk = await call.client.ask('showDisk', { id: call.argument('DISK') })
    call.output.result(disk, () => diskText(disk))
  },
}
