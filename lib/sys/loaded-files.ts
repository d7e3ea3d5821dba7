/** What this process has mapped of files: its program, and the libraries that came with it. proc_pid_maps(5) */
import { readFileSync } from 'node:fs'

export function loadedFiles(): readonly string[] {
  const found = new Set<string>()
  for (const line of readFileSync('/proc/self/maps', 'utf8').split('\n')) {
    const path = /^\S+ ..x. \S+ \S+ \d+ +(\/.*)$/.exec(line)?.[1]
    if (path !== undefined) found.add(path)
  }
  return [...found]
}
