/**
 * The lock on the state directory. The children of a daemon hold it too, so that the next one doesn't begin
 * while those of a killed one still end.
 */
import { join } from 'node:path'
import { Fault } from '../../lib/errors.ts'
import { errno, errnoOf } from '../../lib/sys/errno.ts'
import { lockFile, type Lock } from '../../lib/sys/lock.ts'

export type StateLock = Extract<Lock, { held: true }>

/** Milliseconds that the children of a killed daemon get to end. */
const orphanTime = 10_000

/** Throws DaemonRunning. */
export async function lockState(state: string): Promise<StateLock> {
  for (const started = Date.now(); ;) {
    const lock = lockFile(join(state, 'lock'))
    if (lock.held) return lock
    const { pid } = lock
    if (pid === undefined || isAlive(pid)) {
      const holder = pid === undefined ? '' : ` (pid ${pid})`
      throw new Fault(
        'DaemonRunning',
        `a daemon${holder} runs on ${state} already: stop it, or name another --state`,
      )
    }
    if (Date.now() - started > orphanTime) {
      throw new Fault(
        'DaemonRunning',
        `processes of a daemon that was killed (pid ${pid}) still run on ${state}`,
      )
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (thrown) {
    // EPERM: it is there, and somebody else's.
    return errnoOf(thrown) !== errno.ESRCH
  }
}
