/** A full file system, told apart from bugs: who runs the daemon can mend it. */
import { Fault } from './errors.ts'
import { errno, errnoOf } from './sys/errno.ts'

/** Whether something could not be written for want of space; level tells it by its text alone. */
export function isFull(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false
  if ([errno.ENOSPC, errno.EDQUOT].includes(errnoOf(thrown))) return true
  if (/No space left on device|Disk quota exceeded/.test(thrown.message)) return true
  return thrown.cause !== undefined && isFull(thrown.cause)
}

export const storageFull = (state: string): Fault =>
  new Fault('StorageFull', `the file system of ${state} is full: free some space there, then try again`)

/** What was thrown as the Fault that it is, or that a full file system of `state` makes of it; undefined for a bug. */
export function knownFault(thrown: unknown, state: string): Fault | undefined {
  if (thrown instanceof Fault) return thrown
  return isFull(thrown) ? storageFull(state) : undefined
}
