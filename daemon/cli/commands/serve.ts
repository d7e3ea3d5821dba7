import { loadConfig } from '../../../lib/config.ts'
import { createLog } from '../../../lib/log.ts'
import type { Command } from '../command.ts'
import { runPrimary } from '../run-primary.ts'

export const serve: Command = {
  name: 'serve',
  summary: 'Run the daemon: every disk, both doors',
  details: `Stays in the foreground, logs to stderr, tells systemd when it is ready, and stops cleanly at SIGTERM or
SIGINT: requests under way end, mounts go. It serves the disks that its state knows; "twofold disk adopt" adds one.`,
  arguments: [],
  flags: {},
  takesSettings: true,
  examples: ['twofold serve', 'twofold serve --state /srv/twofold --listen 127.0.0.1:9000'],
  exits: { 8: 'a daemon runs on that state already, or the address is taken' },
  run: async (call) => {
    const config = loadConfig({ ...call.written, state: call.text('state') }, call.text('config'))
    const log = createLog({ level: config.logLevel, format: config.logFormat })
    const primary = await runPrimary({ config, log, whenTaken: 'refuse' })
    await primary.stopped
  },
}
