import type { Command } from '../command.ts'
import { mountText } from '../describe.ts'

export const diskOnline: Command = {
  name: 'disk online',
  summary: 'Serve a disk again that was put offline',
  arguments: [{ name: 'DISK', doc: 'its id or alias', completes: 'disk' }],
  flags: {},
  run: async (call) => {
    const disk = await call.client.ask('onlineDisk', { id: call.argument('DISK') })
    call.output.result(disk, () => {
      if (disk.offlineReason !== null) return `${disk.name} stays offline: ${disk.offlineReason}`
      return `${disk.name} is served again${disk.mount === null ? '' : `, mount: ${mountText(disk.mount)}`}`
    })
  },
}
