import { diskTable, spanText } from '../describe.ts'
import { table } from '../output.ts'
import type { Command } from '../command.ts'

export const status: Command = {
  name: 'status',
  summary: 'Show the daemon, its disks and its mounts',
  arguments: [],
  flags: {},
  exits: { 9: 'no daemon answers' },
  run: async (call) => {
    const view = await call.client.ask('status')
    call.output.result(view, () => {
      const since = view.processes.map((process) => [
        process.role,
        process.pid === null ? '-' : String(process.pid),
        process.state,
        process.restarts === 0 ? '' : `restarted ${process.restarts} times`,
        process.diskId ?? '',
      ])
      const top = table([
        ['twofold', `${view.version} on Node ${view.node}, up ${spanText(view.uptime)}`],
        ['endpoint', view.endpoint],
        ...(view.metricsListen === null ? [] : [['metrics', `http://${view.metricsListen}/metrics`]]),
        ['state', view.state],
        ['control', view.controlSocket],
      ])
      const offline = view.disks
        .filter((disk) => disk.offlineReason !== null)
        .map((disk) => `${disk.name} is offline: ${disk.offlineReason}`)
      const notes = view.disks.flatMap((disk) =>
        (disk.mount?.notes ?? []).map((note) => `${disk.name}: ${note}`),
      )
      return [top, diskTable(view.disks), [...offline, ...notes].join('\n'), table(since)]
        .filter((part) => part !== '')
        .join('\n\n')
    })
  },
}
