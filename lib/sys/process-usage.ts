/** What a process uses, by proc(5). */
import { readdirSync, readFileSync } from 'node:fs'

export interface ProcessUsage {
  /** In user and system mode. */
  readonly cpuSeconds: number
  readonly residentBytes: number
  /** undefined where the kernel doesn't let us look, as into one that has changed its credentials. */
  readonly openFds: number | undefined
}

/** USER_HZ: the same on every Linux, whatever the kernel's own tick is. */
const ticksPerSecond = 100

/** undefined for one that is gone, or somebody else's. */
export function processUsage(pid: number): ProcessUsage | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The second field is the name in parentheses, which may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
    return {
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
      residentBytes: Number(resident ?? 0) * 1024,
      openFds: countFds(pid),
    }
  } catch {
    return undefined
  }
}

function countFds(pid: number): number | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return undefined
  }
}
