/**
 * Paths that root and we alone can change, every directory above them included (but for `placedDirectory`). What
 * passed once stays so, whoever else is on this machine: it may then be used by its name.
 */
import { readFileSync } from 'node:fs'
import { Fault } from './errors.ts'
import { PathWalk, rootAndUs, type Purpose } from './path-walk.ts'
import { errno, SystemError } from './sys/errno.ts'

/**
 * The canonical path of the directory `path`, which is made where it is missing: with `mode`, less the umask. Throws
 * Untrusted, which names the directory and the remedy; AccessDenied.
 */
export function ourDirectory(path: string, purpose: Purpose, mode: number): string {
  const walk = PathWalk.to(path, purpose)
  try {
    walk.requireDirectory()
    const isThere = walk.missing.length === 0
    walk.requireOwners(rootAndUs(), isThere ? 'judged' : 'passed')
    if (isThere) return walk.path
    walk.make(mode)
    // Somebody who was faster in a directory that all may write to.
    walk.requireOwners(rootAndUs(), 'judged')
    return walk.path
  } finally {
    walk.close()
  }
}

/**
 * The canonical path of the directory `path`, which others may own, but lead elsewhere by no link of theirs. Throws
 * Untrusted, AccessDenied.
 */
export function placedDirectory(path: string, purpose: Purpose): string {
  const walk = PathWalk.to(path, purpose)
  try {
    walk.requireDirectory()
    if (walk.missing.length > 0) throw new Fault('NotADirectory', `there is no directory ${path}`)
    return walk.path
  } finally {
    walk.close()
  }
}

/** As `ourDirectory`, of a file or whatever is there. What isn't there passes, if nobody else could put it there. */
export function ourFile(path: string, purpose: Purpose): string {
  const walk = PathWalk.to(path, purpose)
  try {
    // Nothing comes to be below a file.
    if (walk.leaf !== undefined && walk.missing.length > 0) return walk.path
    walk.requireOwners(rootAndUs(), walk.missing.length === 0 ? 'judged' : 'passed')
    return walk.path
  } finally {
    walk.close()
  }
}

/**
 * The text of the file that was judged, not of one that came to its name a moment later. Throws Untrusted, AccessDenied;
 * SystemError or Node's error where it can't be read.
 */
export function readOurFile(path: string, purpose: Purpose): string {
  const walk = PathWalk.to(path, purpose)
  try {
    const { leaf } = walk
    if (walk.missing.length > 0) throw new SystemError(errno.ENOENT, 'open', path)
    if (leaf === undefined) throw new SystemError(errno.EISDIR, 'read', path)
    walk.requireOwners(rootAndUs(), 'judged')
    return readFileSync(`/proc/self/fd/${leaf.fd}`, 'utf8')
  } finally {
    walk.close()
  }
}
