/** What a daemon that was killed leaves behind: a mount point that answers ENOTCONN until it is detached. */
import { stat } from 'node:fs/promises'
import { Fault } from '../lib/errors.ts'
import { mountpointPurpose } from '../lib/mountpoint.ts'
import { PathWalk } from '../lib/path-walk.ts'
import { describeMount, isOurs, unmountStanding } from '../lib/standing-mount.ts'
import { errno, errnoOf } from '../lib/sys/errno.ts'
import { mountTable, type MountInfo } from '../lib/sys/mountinfo.ts'

const patience = 3_000

/**
 * Makes `mountpoint` (canonical) free of dead mounts of ours: how many were detached. Throws AlreadyMounted when
 * something that lives, or isn't ours, is mounted there; Untrusted, AccessDenied where the way there leads elsewhere.
 */
export async function detachDead(mountpoint: string): Promise<number> {
  for (let detached = 0; ; detached++) {
    const dead = await deadOn(mountpoint)
    if (dead === undefined) return detached
    unmountStanding(dead, true)
  }
}

async function deadOn(mountpoint: string): Promise<MountInfo | undefined> {
  const walk = PathWalk.to(mountpoint, mountpointPurpose)
  try {
    const { covered, here } = walk
    if (covered === undefined) return undefined
    const there = mountTable().find(({ id }) => id === covered.mountId)
    if (there !== undefined && isOurs(there) && (await isDead(`/proc/self/fd/${here.fd}/${covered.name}`)))
      return there
    const what = there === undefined ? mountpoint : describeMount(there)
    throw new Fault('AlreadyMounted', `${what} is a mount point already: unmount it first`)
  } finally {
    walk.close()
  }
}

/** A server that hangs isn't dead: after some seconds it counts as living. */
async function isDead(place: string): Promise<boolean> {
  const late = new Promise<boolean>((resolve) => setTimeout(resolve, patience, false).unref())
  const answer = stat(place).then(
    () => false,
    (error: unknown) => [errno.ENOTCONN, errno.ECONNABORTED].includes(errnoOf(error)),
  )
  return Promise.race([answer, late])
}
