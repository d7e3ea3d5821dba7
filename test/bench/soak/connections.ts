/** The kernel's FUSE connections, by number: each lives as long as somebody holds the mount or a file of it. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs'
import { mountTable } from '../../../lib/sys/mountinfo.ts'
import { minor } from '../../../lib/sys/stat.ts'

/** Mounts fusectl at `directory`, to be put away with `stop`. */
export function watchConnections(directory: string) {
  mkdirSync(directory)
  execFileSync('mount', ['-t', 'fusectl', 'none', directory])
  return {
    of: (mountpoint: string): string => String(minor(statSync(mountpoint, { bigint: true }).dev)),
    /** Those that live and are no mount that is there to be seen: numbers are used again, by others too. */
    unmounted(): string[] {
      const mounted = new Set(mountTable().map(({ device }) => device))
      return readdirSync(directory).filter((number) => !mounted.has(`0:${number}`))
    },
    stop() {
      execFileSync('umount', [directory])
      rmdirSync(directory)
    },
  }
}
