import { diskTable } from '../describe.ts'
import type { Command } from '../command.ts'

export const diskList: Command = {
  name: 'disk list',
  summary: 'List the disks',
  arguments: [],
  flags: { names: { doc: 'names alone, one a line' } },
  run: async (call) => {
    const disks = await call.client.everyDisk()
    if (call.on('names') && !call.output.json) call.output.text(disks.map(({ name }) => `${name}\n`).join(''))
    else call.output.result(disks, () => diskTable(disks))
  },
}
