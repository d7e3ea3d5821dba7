/** What a daemon that was killed leaves behind: a mount point that answers ENOTCONN until it is detached. */
import { execFileSync } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { Fault } from '../lib/errors.ts'
import { errno, errnoOf } from '../lib/sys/errno.ts'
import { must } from '../lib/sys/libc.ts'
import { MNT, umount2, UMOUNT_NOFOLLOW } from '../lib/sys/mount.ts'
import { mountTable } from '../lib/sys/mountinfo.ts'

const patience = 3_000

/**
 * Makes `mountpoint` (canonical) free of dead FUSE mounts: how many were detached. Throws AlreadyMounted when
 * something that lives is mounted there.
 */
export async function detachDead(mountpoint: string): Promise<number> {
  for (let detached = 0; ; detached++) {
    const there = mountTable().findLast((mount) => mount.mountpoint === mountpoint)
    if (there === undefined) return detached
    if (!there.type.startsWith('fuse') || !(await isDead(mountpoint))) {
      throw new Fault(
        'AlreadyMounted',
        `${mountpoint} is a mount point already (${there.type}, ${there.source}): unmount it first`,
      )
    }
    if (process.getuid?.() === 0) {
      must(umount2(mountpoint, MNT.DETACH | UMOUNT_NOFOLLOW), 'umount2', mountpoint)
    } else {
      const command =
        there.type === 'fuse.twofold' ? ['fusermount3', 'fusermount'] : ['fusermount', 'fusermount3']
      detachAsUser(command, mountpoint)
    }
  }
}

/** A server that hangs isn't dead: after some seconds it counts as living. */
async function isDead(mountpoint: string): Promise<boolean> {
  const late = new Promise<boolean>((resolve) => setTimeout(resolve, patience, false).unref())
  const answer = stat(mountpoint).then(
    () => false,
    (error: unknown) => [errno.ENOTCONN, errno.ECONNABORTED].includes(errnoOf(error)),
  )
  return Promise.race([answer, late])
}

function detachAsUser(commands: readonly string[], mountpoint: string): void {
  for (const [index, command] of commands.entries()) {
    try {
      execFileSync(command, ['-uz', '--', mountpoint], { stdio: 'ignore' })
      return
    } catch (error) {
      if (index === commands.length - 1) throw error
    }
  }
}
