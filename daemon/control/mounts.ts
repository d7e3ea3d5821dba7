/** The routes of mounts. */
import { bucketName } from '../../lib/disk.ts'
import { Fault } from '../../lib/errors.ts'
import type { Handlers } from './desk.ts'
import { diskView } from './disk-view.ts'

/** Milliseconds that a mount, and an unmount, may take. */
const mountTime = 20_000
const unmountTime = 20_000
/** Users of a busy mount that a message names. */
const mostNamed = 3

/** Changes run one at a time; waiting for a mount is no reason for others to wait. */
export const mountRoutes: Pick<Handlers, 'mountDisk' | 'unmountDisk'> = {
  async mountDisk(desk, { mountpoint, readOnly }, { id = '' }) {
    const { before, disk, answer } = await desk.alone(async () => {
      const before = desk.disks.find(id)
      if (before.mountpoint !== null && desk.mounts.of(before.id)?.state === 'mounted') {
        throw new Fault(
          'AlreadyMounted',
          `Disk "${bucketName(before)}" is mounted on ${before.mountpoint} already.`,
        )
      }
      const offline = await desk.disks.offline(before)
      if (offline !== undefined) throw new Fault('DiskOffline', offline)
      const answer = desk.mounts.next(before.id, ['mounted', 'failed'], mountTime)
      const disk = await desk.disks.setMount(before, mountpoint ?? undefined, readOnly ?? false)
      await desk.publish()
      return { before, disk, answer }
    })
    const report = await answer
    if (report?.state === 'mounted') {
      desk.log.info('disk.mounted', { disk: disk.id, mountpoint: disk.mountpoint, engine: report.engine })
      return diskView(desk, desk.disks.find(disk.id))
    }
    await desk.alone(async () => {
      // Unless it was unmounted or removed meanwhile, it is as it was before.
      const now = desk.disks.list().find((one) => one.id === disk.id)
      if (now?.mountpoint !== disk.mountpoint || now === undefined) return
      await desk.disks.setMount(now, before.mountpoint, before.mountReadOnly)
      await desk.publish()
    })
    const why = report?.error ?? 'it took too long'
    throw new Fault(
      'MountFailed',
      `Disk "${bucketName(disk)}" could not be mounted on ${disk.mountpoint}: ${why}`,
    )
  },

  async unmountDisk(desk, { force }, { id = '' }) {
    const disk = desk.disks.find(id)
    if (disk.mountpoint === null) {
      throw new Fault('NotMounted', `Disk "${bucketName(disk)}" is not mounted.`)
    }
    const stands = (desk.mounts.of(disk.id)?.state ?? 'unmounted') !== 'unmounted'
    const answer = stands ? desk.mounts.next(disk.id, ['unmounted', 'busy'], unmountTime) : undefined
    if (stands) {
      desk.unmount(disk.id, force === true)
      const said = await answer
      if (said?.state === 'busy') {
        const by = said.users.length === 0 ? '' : ` by ${said.users.slice(0, mostNamed).join(', ')}`
        throw new Fault('MountBusy', `${disk.mountpoint} is in use${by}: end that, or unmount with --force`)
      }
    }
    const changed = await desk.alone(async () => {
      const changed = await desk.disks.setMount(desk.disks.find(disk.id), null, disk.mountReadOnly)
      await desk.publish()
      return changed
    })
    await answer
    desk.log.info('disk.unmounted', { disk: disk.id, mountpoint: disk.mountpoint })
    return diskView(desk, changed)
  },
}
