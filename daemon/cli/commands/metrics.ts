import { exposition } from '../../metrics/exposition.ts'
import type { Command } from '../command.ts'

export const metrics: Command = {
  name: 'metrics',
  summary: "Print the daemon's metrics as Prometheus reads them",
  details: `For a look, or for a file that a collector picks up. To be scraped, the daemon wants an address of its own for it:
--metrics-listen 127.0.0.1:9011, see "twofold serve --help". docs/operations.md explains each metric.`,
  arguments: [],
  flags: {},
  examples: ['twofold metrics | grep twofold_mount_operations_total'],
  exits: { 9: 'no daemon answers' },
  run: async (call) => {
    const samples = await call.client.ask('metrics')
    call.output.result(samples, () => exposition(samples))
  },
}
