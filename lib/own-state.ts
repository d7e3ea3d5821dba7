/**
 * The state directory is ours: whoever could put records, a keyring or a socket there before us would command a
 * daemon of ours.
 */
import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from './config.ts'
import { Fault } from './errors.ts'
import { rootAndUs, type Purpose } from './path-walk.ts'
import { ourDirectory, ourFile } from './trusted-path.ts'

const stateDirectory: Purpose = { what: 'the state directory', how: 'with --state DIR' }
const controlSocket: Purpose = { what: 'the control socket', how: 'with --control-socket' }

/** What lies in a state directory, the files of disks apart. */
const entries = [
  'lock',
  'lock.children',
  'keyring.json',
  'level',
  'level.changes',
  'disks',
  'trash',
  'mounts',
  'run',
]

/**
 * Makes the state directory where there is none, and requires that nobody but root and we could have put there what
 * is in it. Answers its canonical path. Throws Untrusted, AccessDenied.
 */
export function requireOwnState({ state }: Pick<Config, 'state'>): string {
  const canonical = ourDirectory(state, stateDirectory, 0o711)
  for (const name of entries) ourFile(join(canonical, name), stateDirectory)
  requireOwnRecords(join(canonical, 'level'))
  return canonical
}

/** The control socket's canonical path, where nobody else can listen; it may be missing. Throws as `requireOwnState`. */
export const requireOwnSocket = (path: string): string => ourFile(path, controlSocket)

/** `level` may be new; a directory that was given to us may still hold what others wrote. */
function requireOwnRecords(level: string): void {
  const owners = rootAndUs()
  for (const name of namesIn(level)) {
    const path = join(level, name)
    const { uid } = lstatSync(path)
    if (!owners.has(uid))
      throw new Fault(
        'Untrusted',
        `${path} belongs to user ${uid}, so its records can't be believed: name another one with --state DIR`,
      )
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}
