/** The route that says how the daemon is. */
import { version } from '../../lib/version.ts'
import type { Handlers } from './desk.ts'
import { diskView } from './disk-view.ts'

export const statusRoutes: Pick<Handlers, 'status'> = {
  async status(desk) {
    return {
      version,
      node: process.version,
      uptime: Math.floor((Date.now() - desk.startedAt) / 1000),
      state: desk.config.state,
      controlSocket: desk.config.controlSocket,
      mounts: desk.config.mounts,
      listen: desk.listen,
      endpoint: desk.endpoint,
      metricsListen: desk.metricsListen,
      settings: desk.config,
      processes: desk.processes(),
      disks: await Promise.all(desk.disks.list().map((disk) => diskView(desk, disk))),
    }
  },
}
