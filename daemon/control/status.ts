/** The route that says how the daemon is. */
import { version } from '../../lib/version.ts'
import { askedViews } from './disk-view.ts'
import type { Handlers } from './handler.ts'

export const statusRoutes: Pick<Handlers, 'status'> = {
  async status(daemon) {
    return {
      version,
      node: process.version,
      uptime: Math.floor((Date.now() - daemon.startedAt) / 1000),
      state: daemon.config.state,
      controlSocket: daemon.config.controlSocket,
      mounts: daemon.config.mounts,
      listen: daemon.listen,
      endpoint: daemon.endpoint,
      metricsListen: daemon.metricsListen,
      settings: daemon.config,
      processes: daemon.processes(),
      disks: await askedViews(daemon, daemon.disks.list()),
    }
  },
}
