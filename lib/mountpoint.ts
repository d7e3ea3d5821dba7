/** The directory that a disk is mounted on: made where there is none, and removed again if it was we who made it. */
import { lstatSync, opendirSync, rmdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { Fault } from './errors.ts'
import { makeDirectories } from './make-directories.ts'
import { contains } from './roots.ts'
import { isMounted } from './sys/mountinfo.ts'
import { errnoName, errnoOf } from './sys/errno.ts'

/** Whatever the umask: a mount point is not for everybody to write to while nothing is mounted there. */
const mode = 0o755

/**
 * Makes the directory `place`, canonical, and what leads to it. Answers the topmost directory that this made
 * below `mounts`, the directory of mounts, or null when `place` was there. Throws NotADirectory; RootConflict when
 * the directory holds anything, which a mount would hide.
 */
export function makeMountpoint(place: string, mounts: string): string | null {
  try {
    if (contains(mounts, place)) makeDirectories(mounts, mode)
    const made = makeDirectories(place, mode)
    if (!lstatSync(place).isDirectory()) throw new Fault('NotADirectory', `${place} is not a directory`)
    if (made === null && !isMounted(place) && !isEmpty(place))
      throw new Fault(
        'RootConflict',
        `${place} holds files, which a mount would hide: name an empty directory, or one that isn't there yet`,
      )
    return made
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown
    const code = errnoName(errnoOf(thrown))
    // A dead mount of ours: the mount process clears it away.
    if (code === 'ENOTCONN') return null
    if (code === 'EEXIST' || code === 'ENOTDIR')
      throw new Fault(
        'NotADirectory',
        `${place} can't be a mount point, since a file is in its way: name another directory`,
      )
    throw new Fault(
      'NotADirectory',
      `${place} can't be made (${code}): name another directory as the mount point`,
    )
  }
}

function isEmpty(place: string): boolean {
  const directory = opendirSync(place)
  try {
    return directory.readSync() === null
  } finally {
    directory.closeSync()
  }
}

/**
 * Removes `place` and the directories above it up to `made`, as far as they are empty. What holds anything, or is
 * a mount point, the kernel keeps.
 */
export function removeMountpoint(place: string, made: string): void {
  for (let at = place; contains(made, at); at = dirname(at)) {
    try {
      rmdirSync(at)
    } catch {
      return
    }
  }
}
