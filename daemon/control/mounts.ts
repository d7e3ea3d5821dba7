/** The routes of mounts. */
import { bucketName } from '../../lib/disk.ts'
import { Fault } from '../../lib/errors.ts'
import { diskView } from './disk-view.ts'
import type { Handlers } from './handler.ts'

/** Milliseconds that a mount, and an unmount, may take. */
export const mountTime = 20_000
export const unmountTime = 20_000
/** Users of a busy mount that a message names. */
const mostNamed = 3

/** Somebody uses it: who, as far as that is known, or what else is in the way. */
export function mountBusy(
  mountpoint: string,
  { users, why }: { readonly users: readonly string[]; readonly why?: string | undefined },
): Fault {
  if (why !== undefined) return new Fault('MountBusy', `${mountpoint}: ${why}`)
  const by = users.length === 0 ? '' : ` by ${users.slice(0, mostNamed).join(', ')}`
  return new Fault('MountBusy', `${mountpoint} is in use${by}: end that, or say --force`)
}

/** Changes run one at a time; waiting for a mount is no reason for others to wait. */
export const mountRoutes: Pick<Handlers, 'mountDisk' | 'unmountDisk'> = {
  async mountDisk(daemon, { input: { mountpoint, readOnly }, params: { id = '' } }) {
    const { before, disk, answer } = await daemon.alone(async () => {
      const before = daemon.disks.find(id)
      if (before.mountpoint !== null && daemon.mounts.of(before.id)?.state === 'mounted') {
        throw new Fault(
          'AlreadyMounted',
          `Disk "${bucketName(before)}" is mounted on ${before.mountpoint} already.`,
        )
      }
      const offline = await daemon.disks.offline(before)
      if (offline !== undefined) throw new Fault('DiskOffline', offline)
      const answer = daemon.mounts.next(before.id, ['mounted', 'failed'], mountTime)
      const disk = await daemon.disks.setMount(before, mountpoint ?? undefined, readOnly ?? false)
      await daemon.publish()
      return { before, disk, answer }
    })
    const report = await answer
    if (report?.state === 'mounted') {
      daemon.log.info('disk.mounted', { disk: disk.id, mountpoint: disk.mountpoint, engine: report.engine })
      return diskView(daemon, daemon.disks.find(disk.id))
    }
    await daemon.alone(async () => {
      // Unless it was unmounted or removed meanwhile, it is as it was before.
      const now = daemon.disks.list().find((one) => one.id === disk.id)
      if (now?.mountpoint !== disk.mountpoint || now === undefined) return
      await daemon.disks.setMount(now, before.mountpoint, before.mountReadOnly)
      await daemon.publish()
    })
    const why = report?.error ?? 'it took too long'
    throw new Fault(
      'MountFailed',
      `Disk "${bucketName(disk)}" could not be mounted on ${disk.mountpoint}: ${why}`,
    )
  },

  async unmountDisk(daemon, { input: { force }, params: { id = '' } }) {
    const disk = daemon.disks.find(id)
    if (disk.mountpoint === null) {
      throw new Fault('NotMounted', `Disk "${bucketName(disk)}" is not mounted.`)
    }
    const stands = (daemon.mounts.of(disk.id)?.state ?? 'unmounted') !== 'unmounted'
    const answer = stands ? daemon.mounts.next(disk.id, ['unmounted', 'busy'], unmountTime) : undefined
    if (stands) {
      daemon.unmount(disk.id, force === true)
      const said = await answer
      if (said?.state === 'busy') throw mountBusy(disk.mountpoint, said)
    }
    const changed = await daemon.alone(async () => {
      const changed = await daemon.disks.setMount(daemon.disks.find(disk.id), null, disk.mountReadOnly)
      await daemon.publish()
      return changed
    })
    await answer
    daemon.log.info('disk.unmounted', { disk: disk.id, mountpoint: disk.mountpoint })
    return diskView(daemon, changed)
  },
}
