/** The mount that `up` promises. */
import { Fault } from '../../../lib/errors.ts'
import type { DiskView } from '../../control/schema.ts'
import type { Finding } from '../checks/check.ts'
import type { Client } from '../client.ts'

/** What is in the way of a mount, and how to get it out. */
export interface Obstacle {
  readonly says: string
  readonly remedy?: string
}

export interface MountWish {
  readonly wanted: boolean
  /** undefined: as it is. */
  readonly readOnly: boolean | undefined
  /** What keeps this machine from mounting. */
  readonly obstacle: () => Finding | undefined
}

/** Brings the disk's mount to what is wished. What goes wrong is an answer: the S3 door is open either way. */
export async function mountFor(
  client: Client,
  disk: DiskView,
  wish: MountWish,
): Promise<{ disk: DiskView; obstacle: Obstacle | null }> {
  const { mount } = disk
  const stands = mount?.state === 'mounted'
  const readOnly = wish.readOnly ?? mount?.readOnly ?? false
  if (wish.wanted && stands && mount.readOnly === readOnly) return { disk, obstacle: null }
  if (mount !== null && (!wish.wanted || stands)) disk = await client.ask('unmountDisk', { id: disk.id }, {})
  if (!wish.wanted) return { disk, obstacle: null }
  const obstacle = wish.obstacle()
  if (obstacle !== undefined) {
    // Tried again and again it would only fill the log.
    if (disk.mount !== null) disk = await client.ask('unmountDisk', { id: disk.id }, {})
    return { disk, obstacle }
  }
  try {
    return {
      disk: await client.ask('mountDisk', { id: disk.id }, { readOnly }),
      obstacle: null,
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return { disk: await client.ask('showDisk', { id: disk.id }), obstacle: { says: error.message } }
  }
}
