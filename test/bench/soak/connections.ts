/** The kernel's FUSE connections, by number: each lives as long as somebody holds the mount or a file of it. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs'
import { minor } from '../../../lib/sys/stat.ts'

/** Mounts fusectl at `directory`, to be put away with `stop`. */
export function watchConnections(directory: string) {
  mkdirSync(directory)
  execFileSync('mount', ['-t', 'fusectl', 'none', directory])
  return {
    of: (mountpoint: string): string => String(minor(statSync(mountpoint, { bigint: true }).dev)),
    alive: (): string[] => readdirSync(directory),
    stop() {
      execFileSync('umount', [directory])
      rmdirSync(directory)
    },
  }
}
