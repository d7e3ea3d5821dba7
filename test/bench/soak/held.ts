/** What processes hold: to be compared early and late. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export interface Held {
  readonly descriptors: number
  readonly threads: number
  /** Proportional set size: what is shared counts by its share. */
  readonly kilobytes: number
}

const figure = (text: string, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0)

/** The sum over those processes. One that ends meanwhile counts for nothing. */
export function heldBy(pids: readonly number[]): Held {
  let [descriptors, threads, kilobytes] = [0, 0, 0]
  for (const pid of pids) {
    try {
      const opened = readdirSync(`/proc/${pid}/fd`).length
      threads += figure(readFileSync(`/proc/${pid}/status`, 'latin1'), 'Threads')
      kilobytes += figure(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'), 'Pss')
      descriptors += opened
    } catch {
      // It has ended.
    }
  }
  return { descriptors, threads, kilobytes }
}

/** The descriptors of a process by what they lead to: a directory's files under the directory. */
export function descriptorsOf(pid: number): Map<string, number> {
  const kinds = new Map<string, number>()
  for (const name of readdirSync(`/proc/${pid}/fd`)) {
    let kind: string
    try {
      kind = readlinkSync(`/proc/${pid}/fd/${name}`)
        .replace(/:\[\d+\]/, '')
        .replace(/^(\/[^/]*\/[^/]*\/[^/]*).*/, '$1/…')
    } catch {
      continue
    }
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
  }
  return kinds
}

export const shown = ({ descriptors, threads, kilobytes }: Held): string =>
  `${descriptors} descriptors, ${threads} threads, ${(kilobytes / 1024).toFixed(1)} MiB`
