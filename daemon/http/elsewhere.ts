/** Disks whose requests another process answers, as the doors see it. */
import type { Disk } from '../../lib/disk.ts'
import type { Exchange } from './exchange.ts'
import type { Reply } from './reply.ts'

export interface Elsewhere {
  /**
   * Whether a request for the disk is to be passed on, and its root left alone here. It may turn out to be so by trying
   * it here. Costs next to nothing.
   */
  answers(disk: Disk): boolean
  /** The answer to a request that may be made. Throws DiskOffline where none comes in time, SlowDown, ServiceUnavailable. */
  pass(exchange: Exchange, disk: Disk): Promise<Reply>
}

/** Answers here, or elsewhere where that is known or turns out to be the place: then nothing has been read or begun here. */
export function answerHereOr(
  elsewhere: Elsewhere | undefined,
  exchange: Exchange,
  disk: Disk,
  here: () => Reply | Promise<Reply>,
): Reply | Promise<Reply> {
  if (elsewhere === undefined) return here()
  if (elsewhere.answers(disk)) return elsewhere.pass(exchange, disk)
  const orElse = (thrown: unknown): Promise<Reply> => {
    if (!elsewhere.answers(disk)) throw thrown
    return elsewhere.pass(exchange, disk)
  }
  try {
    const reply = here()
    return reply instanceof Promise ? reply.catch(orElse) : reply
  } catch (thrown) {
    return orElse(thrown)
  }
}
