/** What a file system over a disk is made of, as JSON: it crosses processes and threads. */
import type { Disk, RootIdentity } from '../../lib/disk.ts'

export interface DiskSource {
  /** Canonical and absolute. */
  readonly root: string
  /** Who the root must be; otherwise every operation answers EIO. null: whoever is there (tests). */
  readonly identity: RootIdentity | null
  readonly readOnly: boolean
  /** Show what is mounted inside the root. Without it, such a mount point looks like the empty directory that it covers. */
  readonly crossDevices: boolean
  /** The state directory, which is not shown, nor what lies in it; absent where there is none (tests). */
  readonly state?: string
  /** Descriptors that nodes may keep open; 0: see descriptor-budget.ts. */
  readonly maxDescriptors: number
  /** Files and directories that one user may have open; 0: a share of the open-file limit. */
  readonly maxUserHandles?: number
}

export const diskSource = (disk: Disk): DiskSource => ({
  root: disk.root,
  identity: disk.identity,
  readOnly: disk.mountReadOnly,
  crossDevices: disk.settings.crossDevices,
  maxDescriptors: 0,
})
