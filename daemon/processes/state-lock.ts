/**
 * The locks on the state directory. The first is the daemon's: the primary and control hold it, and nobody starts
 * while one of them does. The second is held by the other children, who may be kept by a file system that doesn't
 * answer: the next daemon waits for those of a killed one a while, so that mounts are gone and the port is free, and
 * then goes on without them.
 */
import { realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Fault } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import { errno, errnoOf } from '../../lib/sys/errno.ts'
import { holdersOf, isBeyondKilling, silence } from '../../lib/sys/left-behind.ts'
import { lockFile } from '../../lib/sys/lock.ts'

export interface StateLock {
  /** What control inherits. */
  readonly fd: number
  /** What the other children inherit. */
  readonly childrenFd: number
  readonly release: () => void
}

/** Milliseconds that the children of a killed daemon get to end. */
const orphanTime = 10_000
/** Milliseconds between two looks. */
const step = 50

/** Throws DaemonRunning. */
export async function lockState(state: string, log: Log): Promise<StateLock> {
  const started = Date.now()
  const daemon = await lockDaemon(state, started)
  try {
    const children = await lockChildren(state, started, log)
    return {
      fd: daemon.fd,
      childrenFd: children.fd,
      release: () => {
        children.release()
        daemon.release()
      },
    }
  } catch (thrown) {
    daemon.release()
    throw thrown
  }
}

async function lockDaemon(state: string, started: number) {
  for (;;) {
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
    await pause(step)
  }
}

async function lockChildren(state: string, started: number, log: Log) {
  const file = join(realpathSync(state), 'lock.children')
  for (;;) {
    const lock = lockFile(file)
    if (lock.held) return lock
    const left = holdersOf(file)
    if (left.every(isBeyondKilling) || Date.now() - started > orphanTime) {
      for (const pid of left) leaveBehind(pid, log)
      // Theirs is another one from now on.
      rmSync(file)
      continue
    }
    await pause(step)
  }
}

/** It is an orphan of ours: nobody else can open the file that it holds. */
function leaveBehind(pid: number, log: Log): void {
  const silenced = silence(pid)
  try {
    process.kill(pid, 'SIGKILL')
  } catch (thrown) {
    if (errnoOf(thrown) === errno.ESRCH) return
  }
  log.warn('orphan.left', { pid, silenced, reason: 'it waits for a file system that does not answer' })
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (thrown) {
    // EPERM: it is there, and somebody else's.
    return errnoOf(thrown) !== errno.ESRCH
  }
}
