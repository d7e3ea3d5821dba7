/**
 * The directory that a disk is mounted on: made where there is none, and removed again if it was we who made it.
 *
 * It may lie in somebody's home, whose owner may rename what is his. So whatever is done to it is done to descriptors
 * that a walk has led to, and the walk follows no link of his: what he can bring about is a mount in another
 * directory of his own. A directory on the way may belong to root, to us, or to the owner of the mount point itself;
 * what we make belongs to whose directory it is made in.
 */
import { opendirSync, rmdirSync } from 'node:fs'
import { basename } from 'node:path'
import { Fault } from './errors.ts'
import { PathWalk, rootAndUs, type Purpose, type Step } from './path-walk.ts'
import { contains } from './roots.ts'
import { actingAs } from './sys/identity.ts'

/** A mount point is not for everybody to write to while nothing is mounted there. */
const mode = 0o755

export const mountpointPurpose: Purpose = { what: 'a mount point', how: 'to mount on', isMountpoint: true }

/** The canonical path of a mount point that may be missing, or have anything mounted on it. Throws Untrusted, AccessDenied. */
export function canonicalMountpoint(path: string): string {
  const walk = PathWalk.to(path, mountpointPurpose)
  try {
    return walk.path
  } finally {
    walk.close()
  }
}

/**
 * Makes the directory `place`, canonical, and what leads to it. Answers the topmost directory that this made below
 * `mounts`, the directory of mounts, or null when `place` was there. Throws Untrusted, AccessDenied; NotADirectory;
 * RootConflict when the directory holds anything, which a mount would hide. Where something is mounted already,
 * whoever mounts next will see to that.
 */
export function makeMountpoint(place: string, mounts: string): string | null {
  if (contains(mounts, place)) make(mounts, null)
  return make(place, requireEmpty)
}

/** As `makeMountpoint`, for who mounts: what the directory holds was there when it was chosen. */
export const remakeMountpoint = (place: string): string | null => make(place, null)

function make(place: string, requireOf: ((directory: Step) => void) | null): string | null {
  const walk = PathWalk.to(place, mountpointPurpose)
  try {
    if (walk.covered !== undefined) return null
    requireTrusted(walk)
    if (walk.missing.length === 0) {
      requireOf?.(walk.here)
      return null
    }
    const { uid, gid } = walk.here.stat
    const top = actingAs(uid, gid, () => walk.make(mode))
    // Somebody may have been faster.
    requireTrusted(walk)
    return top
  } finally {
    walk.close()
  }
}

/** A descriptor of a mount point that nothing is mounted on, O_PATH, for `use` alone. Throws as `makeMountpoint`. */
export function withMountpoint<T>(place: string, use: (fd: number) => T): T {
  const walk = PathWalk.to(place, mountpointPurpose)
  try {
    if (walk.covered !== undefined)
      throw new Fault(
        'AlreadyMounted',
        `${walk.path} has something mounted on it already: unmount that first`,
      )
    if (walk.missing.length > 0) throw new Fault('NotADirectory', `there is no directory ${walk.path}`)
    requireTrusted(walk)
    return use(walk.here.fd)
  } finally {
    walk.close()
  }
}

/**
 * Removes `place` and the directories above it up to `made`, as far as they are empty and still where they were.
 * What holds anything, or is a mount point, the kernel keeps.
 */
export function removeMountpoint(place: string, made: string): void {
  let walk: PathWalk
  try {
    walk = PathWalk.to(place, mountpointPurpose)
  } catch {
    // Others have changed the way to it: what is left there is theirs.
    return
  }
  try {
    if (walk.path !== place || walk.covered !== undefined || walk.missing.length > 0) return
    for (let at = walk.steps.length - 1; at > 0; at--) {
      const [above, step] = [walk.steps[at - 1], walk.steps[at]]
      if (above === undefined || step === undefined || !contains(made, step.path)) return
      rmdirSync(`/proc/self/fd/${above.fd}/${basename(step.path)}`)
    }
  } catch {
    // It holds something, or is gone.
  } finally {
    walk.close()
  }
}

/** What isn't there yet will belong to the owner of the directory that it is made in. */
function requireTrusted(walk: PathWalk): void {
  if (walk.leaf !== undefined)
    throw new Fault(
      'NotADirectory',
      `${walk.path} can't be a mount point, since a file is in its way: name another directory`,
    )
  const owners = new Set([...rootAndUs(), walk.here.stat.uid])
  walk.requireOwners(owners, walk.missing.length === 0 ? 'ignored' : 'passed')
}

function requireEmpty({ fd, path }: Step): void {
  const directory = opendirSync(`/proc/self/fd/${fd}`)
  try {
    if (directory.readSync() === null) return
  } finally {
    directory.closeSync()
  }
  throw new Fault(
    'RootConflict',
    `${path} holds files, which a mount would hide: name an empty directory, or one that isn't there yet`,
  )
}
