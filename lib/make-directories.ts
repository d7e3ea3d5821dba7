/** Directories that may be there or not. */
import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { errno, errnoOf } from './sys/errno.ts'

/**
 * Makes the directory `path`, absolute, and what leads to it: the topmost that wasn't there, or null when all was.
 * Throws Node's error. Not mkdir's own `recursive`, which tries for ever where a directory can't be made for a
 * reason that looks like a missing parent, as in /proc.
 */
export function makeDirectories(path: string, mode: number): string | null {
  const missing: string[] = []
  for (let at = path; ; at = dirname(at)) {
    try {
      if (statSync(at).isDirectory()) break
      // A file, say: the error is the one of mkdir.
      mkdirSync(at, mode)
    } catch (thrown) {
      if (errnoOf(thrown) !== errno.ENOENT || at === '/') throw thrown
      missing.push(at)
    }
  }
  for (const at of missing.reverse()) {
    try {
      mkdirSync(at, mode)
    } catch (thrown) {
      // Another process may be faster.
      if (errnoOf(thrown) !== errno.EEXIST) throw thrown
    }
  }
  return missing[0] ?? null
}
