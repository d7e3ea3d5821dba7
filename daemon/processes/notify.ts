/** sd_notify(3) and the watchdog, for a unit of Type=notify. Without systemd they do nothing. */
import { surroundings } from '../../lib/config.ts'
import { sendDatagram } from '../../lib/sys/socket.ts'

/** Tells systemd, as `notify('READY=1', 'STATUS=2 disks')`. */
export function notify(...lines: readonly string[]): void {
  const { notifySocket } = surroundings()
  if (notifySocket === undefined || !/^[/@]/.test(notifySocket)) return
  sendDatagram(notifySocket, Buffer.from(lines.map((line) => line.replaceAll('\n', ' ')).join('\n')))
}

/** Feeds the watchdog twice in its interval, while `alive` says so. Answers with what stops it. */
export function feedWatchdog(alive: () => boolean): () => void {
  const { watchdogUsec, watchdogPid } = surroundings()
  const interval = Number(watchdogUsec) / 1000
  if (!(interval > 0) || (watchdogPid !== undefined && Number(watchdogPid) !== process.pid)) return () => {}
  const timer = setInterval(() => {
    if (alive()) notify('WATCHDOG=1')
  }, interval / 2)
  timer.unref()
  return () => clearInterval(timer)
}
