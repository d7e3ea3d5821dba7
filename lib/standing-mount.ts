/**
 * A mount of ours by what it is, wherever its mount point has got to: whoever owns the directories above may have
 * moved them, and something else may be mounted under the name that it had. Nothing but the mount itself is ever
 * unmounted.
 */
import { spawnSync } from 'node:child_process'
import { Fault } from './errors.ts'
import { mountpointPurpose } from './mountpoint.ts'
import { PathWalk, us } from './path-walk.ts'
import { errno, SystemError } from './sys/errno.ts'
import { must } from './sys/libc.ts'
import { MNT, umount2, UMOUNT_NOFOLLOW } from './sys/mount.ts'
import { mountTable, type MountInfo } from './sys/mountinfo.ts'

/** JSON. The kernel gives an id anew when its mount is gone, and a device's number too, but not both to one mount. */
export interface MountIdentity {
  readonly id: number
  /** MAJOR:MINOR. */
  readonly device: string
}

/** As /proc/mounts has it, whatever the engine. */
const ourType = 'fuse.twofold'

/** How often it may have been moved away just before. */
const attempts = 20

/** Where it stands now; undefined when it is gone from this mount namespace. */
export const standing = ({ id, device }: MountIdentity): MountInfo | undefined =>
  mountTable().find((mount) => mount.id === id && mount.device === device)

/** What is mounted on it or in it, by others than us. */
export const mountedUpon = ({ id }: MountIdentity): MountInfo[] =>
  mountTable().filter(({ parent }) => parent === id)

/** The mount that covers the whole of it, undefined for none. */
const coverOf = (mount: MountInfo): MountInfo | undefined =>
  mountTable().find(({ parent, mountpoint }) => parent === mount.id && mountpoint === mount.mountpoint)

/** Whether it is a mount of a daemon of this user's. */
export const isOurs = ({ type, fuseUser }: MountInfo): boolean => type === ourType && fuseUser === us()

export const describeMount = ({ mountpoint, type, source }: MountInfo): string =>
  `${mountpoint} (${type}, ${source})`

/** Who `mount`, which was made just now and isn't in the table `before`, is; it was to stand on `place`. Throws MountFailed. */
export function identityOfNew(before: readonly MountInfo[], place: string): MountIdentity {
  const known = new Set(before.map(({ id }) => id))
  const made = mountTable().filter((mount) => isOurs(mount) && !known.has(mount.id))
  const mount = made.findLast(({ mountpoint }) => mountpoint === place) ?? made.at(-1)
  if (mount === undefined) throw new Fault('MountFailed', `nothing of ours came to be mounted on ${place}`)
  return { id: mount.id, device: mount.device }
}

/**
 * Unmounts it, at once with `lazy`, unless it is gone already. Throws a SystemError, EBUSY while somebody uses it;
 * MountBusy where something else is mounted over it, which it names, or where its path doesn't lead to it.
 */
export function unmountStanding(identity: MountIdentity, lazy: boolean): void {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const mount = standing(identity)
    if (mount === undefined) return
    const cover = coverOf(mount)
    if (cover !== undefined)
      throw new Fault('MountBusy', `${describeMount(cover)} is mounted over it: unmount that first`)
    unmountAt(mount, lazy)
  }
  throw new Fault(
    'MountBusy',
    `${standing(identity)?.mountpoint ?? 'it'} can't be reached: something is mounted over a directory above it, or somebody moves it about`,
  )
}

/** Unmounts `mount` if it is what its path leads to. */
function unmountAt({ id, mountpoint }: MountInfo, lazy: boolean): void {
  let walk: PathWalk
  try {
    walk = PathWalk.to(mountpoint, mountpointPurpose)
  } catch {
    // Somebody has moved it since.
    return
  }
  try {
    if (walk.covered?.mountId !== id) return
    const { fd } = walk.here
    const { name } = walk.covered
    if (us() !== 0) return detachAsUser(fd, name, lazy)
    const path = `/proc/self/fd/${fd}/${name}`
    must(umount2(path, UMOUNT_NOFOLLOW | (lazy ? MNT.DETACH : 0)), 'umount2', mountpoint)
  } finally {
    walk.close()
  }
}

/** `name` in the directory `fd`, by the setuid program that may, from that very directory. */
function detachAsUser(fd: number, name: string, lazy: boolean): void {
  const args = ['-u', ...(lazy ? ['-z'] : []), '--', `./${name}`]
  let said = ''
  for (const command of ['fusermount3', 'fusermount']) {
    const { status, stderr, error } = spawnSync(command, args, {
      cwd: `/proc/self/fd/${fd}`,
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    })
    if (status === 0) return
    said += error?.message ?? stderr
  }
  throw new SystemError(/busy/i.test(said) ? errno.EBUSY : errno.EINVAL, 'fusermount -u', name)
}
