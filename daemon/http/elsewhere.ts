/** Disks whose requests another process answers, as the doors see it. */
import type { Disk } from '../../lib/disk.ts'
import type { Exchange } from './exchange.ts'
import type { Reply } from './reply.ts'

export interface Elsewhere {
  /** Whether a request for the disk is to be passed on, and its root left alone here. Costs next to nothing. */
  answers(disk: Disk): boolean
  /** The answer to a request that may be made. Throws DiskOffline where none comes in time, SlowDown, ServiceUnavailable. */
  pass(exchange: Exchange, disk: Disk): Promise<Reply>
}
