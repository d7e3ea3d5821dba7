/** Operations on locks, which come to us only where they are the host's (`--locks host`). */
import { errno } from '../../../lib/sys/errno.ts'
import { writeReply } from '../device.ts'
import type { Exchange } from '../exchange.ts'
import { interruptIn, lkIn, lkOut } from '../protocol/structs.ts'

export function getlk(x: Exchange): number {
  const a = x.request.take(lkIn)
  if (x.locks === null) return -errno.ENOSYS
  const result = x.locks.test(x.request.node, a)
  return result < 0 ? result : x.reply.put(lkOut, { lk: a.lk })
}

export function setlk(x: Exchange): number {
  const a = x.request.take(lkIn)
  return x.locks === null ? -errno.ENOSYS : x.locks.set(x.request, a, false)
}

export function setlkw(x: Exchange): number {
  const a = x.request.take(lkIn)
  return x.locks === null ? -errno.ENOSYS : x.locks.set(x.request, a, true)
}

/**
 * Only who waits for a lock, or for a thaw, waits for others: whatever else was interrupted gets the answer that is on its way.
 */
export function interrupt(x: Exchange): number {
  const { unique } = x.request.take(interruptIn)
  const [low, high] = [Number(unique & 0xffffffffn), Number(unique >> 32n)]
  x.locks?.interrupt(low, high)
  const parked = x.parked.interrupt(low, high)
  if (parked !== undefined) writeReply(parked.device, x.reply.bytes, x.reply.seal(parked, -errno.EINTR))
  return 0
}
