/** What the processes that serve S3 are reduced to: reading the disks that they serve. */
import { join } from 'node:path'
import type { Disk } from '../../lib/disk.ts'
import { currentMounts } from '../../lib/sys/mount-watch.ts'
import { mayNotAnswer } from '../../lib/tree/may-not-answer.ts'
import type { Confinement, ProcessUser, Reach } from './confinement.ts'

/** All managed disks lie in it, so that a new one needs no new worker. */
export const managedRoots = (state: string): string => join(state, 'disks')

/** What must be open to a worker that is to serve `disk`. */
export const reachOf = (state: string, { kind, root, identity }: Disk): Reach =>
  kind === 'managed' ? { path: managedRoots(state), identity: null } : { path: root, identity }

/** Where the disk's links may lead beside its root. */
const followedOf = ({ settings: { symlinks, followInto } }: Disk): readonly Reach[] =>
  symlinks === 'follow' ? followInto.map((path) => ({ path, identity: null })) : []

/**
 * What must be open to a worker: managed disks, also those to come, and whichever of the others it serves itself.
 * Opening the root of one that may not answer would hold up its start.
 */
export const workerReads = (state: string, disks: readonly Disk[]): readonly Reach[] => [
  { path: managedRoots(state), identity: null },
  ...disks
    .filter((disk) => disk.kind === 'adopted' && !disk.letGo && !mayNotAnswer(disk))
    .map((disk) => reachOf(state, disk)),
  ...disks.filter((disk) => !disk.letGo && !mayNotAnswer(disk)).flatMap(followedOf),
]

/** `user` is null where we aren't root. Mode bits keep such a process from nothing: an S3 key is its holder's right. */
export const workerConfinement = (
  user: ProcessUser | null,
  reads: readonly Reach[],
  connects: boolean,
): Confinement => ({ user, keeps: ['DAC_READ_SEARCH'], reads, connects })

/**
 * Whether a worker may connect to the processes of disks. What it connects to there judges it by its user, where that
 * isn't ours; where it is, the control socket would be open to it as well, so then only for a disk that needs it.
 */
export const workerConnects = (user: ProcessUser | null, disks: readonly Disk[], suspects: number): boolean =>
  user !== null || suspects > 0 || disks.some(mayNotAnswer)

/** The same for the process of one disk. */
export function diskConfinement(user: ProcessUser | null, disk: Disk): Confinement {
  const { root, identity } = disk
  const reads = [{ path: root, identity }, ...followedOf(disk)]
  return workerConfinement(user === null ? null : (ownerOf(root) ?? user), reads, false)
}

/** Whom alone a FUSE file system lets in that `root` lies on: the rights of root don't count there. */
function ownerOf(root: string): ProcessUser | undefined {
  const mount = currentMounts()
    .filter(({ mountpoint }) => root === mountpoint || root.startsWith(mountpoint.replace(/\/?$/, '/')))
    .sort((a, b) => a.mountpoint.length - b.mountpoint.length)
    .at(-1)
  if (mount?.fuseUser === undefined || mount.fuseGroupAlone === undefined) return undefined
  return { uid: mount.fuseUser, gid: mount.fuseGroupAlone }
}
