/** How the descriptors that a process may have are shared out in the one that serves a mount. */
import { readFileSync } from 'node:fs'

export interface DescriptorBudget {
  /** For nodes that are kept open; beyond it the least used are closed. */
  readonly nodes: number
  /** For those who lock files on the host. */
  readonly locks: number
  /** Files and directories that all users but root may have open. */
  readonly users: number
  /** That one of them may. */
  readonly user: number
}

const mostNodes = 4096
const mostLocks = 4096
/** What root always gets, and the process's own. */
const mostReserve = 1024
const own = 64

/** `limit`: descriptors that the process may have. */
export function descriptorBudget(limit: number): DescriptorBudget {
  const nodes = Math.min(mostNodes, limit >> 2)
  const locks = Math.min(mostLocks, limit >> 3)
  const reserve = Math.min(mostReserve, limit >> 3) + own
  // An open file that has lost its name takes two.
  const users = Math.max((limit - nodes - locks - reserve) >> 1, 2)
  return { nodes, locks, users, user: users >> 1 }
}

/** RLIMIT_NOFILE, as it is for this process now. */
export function openFileLimit(): number {
  const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]
  return Math.min(Number(soft ?? 1024), 2 ** 30)
}
