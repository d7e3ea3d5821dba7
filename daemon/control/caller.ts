/** Who asks the control API, and what they may do. */
import type { DiskId } from '../../lib/disk.ts'

/**
 * From little to much; who has one has those before it. `read`: see. `disk`: use a disk and change it: mount,
 * share, users, settings. `admin`: make and remove disks and keys, and all the rest.
 */
export const permissions = ['read', 'disk', 'admin'] as const
export type Permission = (typeof permissions)[number]

export interface Caller {
  /** For the log; never a secret. */
  readonly name: string
  readonly permission: Permission
  /** Every other disk doesn't exist for them. */
  readonly disks: 'all' | ReadonlySet<DiskId>
}

export const mayAs = (caller: Caller, needed: Permission): boolean =>
  permissions.indexOf(caller.permission) >= permissions.indexOf(needed)

export const sees = (caller: Caller, disk: DiskId): boolean =>
  caller.disks === 'all' || caller.disks.has(disk)

/** Whoever can open the unix socket: the file's mode is the authority. */
export const socketOwner: Caller = { name: 'socket', permission: 'admin', disks: 'all' }
