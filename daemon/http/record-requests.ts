/** One log line a request, and its place in the figures. */
import type { Log } from '../../lib/log.ts'
import type { Tally } from '../metrics/tally.ts'
import type { Service } from './pipeline.ts'

/** Of requests that another process has passed on, and counts. */
export const logQuietly =
  (log: Log): Service['record'] =>
  ({ id, method, operation, disk }, status, bytes, ms) =>
    log.debug('passed', { id, disk, operation: operation ?? method, status, bytes, ms })

export const recordRequests =
  (log: Log, tally: Tally): Service['record'] =>
  ({ id, method, client, operation, user, disk }, status, bytes, ms, reason) => {
    tally.count(disk, operation, status, bytes, ms)
    log.info('request', {
      id,
      client: client || undefined,
      disk,
      user,
      operation: operation ?? method,
      status,
      bytes,
      ms,
      reason,
    })
  }
