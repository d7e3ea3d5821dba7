/** The routes of mounts. */
import { Fault } from '../../lib/errors.ts'
import type { Handlers } from './desk.ts'
import { diskView } from './disk-view.ts'

/** Milliseconds that a mount, and an unmount, may take. */
const mountTime = 20_000
const unmountTime = 20_000

export const mountRoutes: Pick<Handlers, 'mountDisk' | 'unmountDisk'> = {
  mountDisk: (desk, { mountpoint, readOnly }, { id = '' }) =>
    desk.alone(async () => {
      const before = desk.disks.find(id)
      const name = before.alias ?? before.id
      if (before.mountpoint !== null && desk.mounts.of(before.id)?.state === 'mounted') {
        throw new Fault('AlreadyMounted', `Disk "${name}" is mounted on ${before.mountpoint} already.`)
      }
      const offline = desk.disks.offline(before)
      if (offline !== undefined) throw new Fault('DiskOffline', offline)
      const answer = desk.mounts.next(before.id, ['mounted', 'failed'], mountTime)
      const disk = await desk.disks.setMount(before, mountpoint ?? undefined, readOnly ?? false)
      await desk.publish()
      const report = await answer
      if (report?.state === 'mounted') {
        desk.log.info('disk.mounted', { disk: disk.id, mountpoint: disk.mountpoint, engine: report.engine })
        return diskView(desk, disk)
      }
      await desk.disks.setMount(disk, before.mountpoint, before.mountReadOnly)
      await desk.publish()
      throw new Fault(
        'MountFailed',
        `Disk "${name}" could not be mounted on ${disk.mountpoint}: ${report?.error ?? 'it took too long'}`,
      )
    }),

  unmountDisk: (desk, { force }, { id = '' }) =>
    desk.alone(async () => {
      const disk = desk.disks.find(id)
      const name = disk.alias ?? disk.id
      if (disk.mountpoint === null) throw new Fault('NotMounted', `Disk "${name}" is not mounted.`)
      const stands = desk.mounts.of(disk.id)?.state ?? 'unmounted'
      if (stands !== 'unmounted') {
        const answer = desk.mounts.next(disk.id, ['unmounted', 'busy'], unmountTime)
        if (force !== true) {
          desk.unmount(disk.id)
          if ((await answer)?.state === 'busy') {
            throw new Fault('MountBusy', `${disk.mountpoint} is in use: end that, or unmount with --force`)
          }
        } else {
          await desk.disks.setMount(disk, null, disk.mountReadOnly)
          await desk.publish()
          await answer
        }
      }
      const changed = await desk.disks.setMount(disk, null, disk.mountReadOnly)
      await desk.publish()
      desk.log.info('disk.unmounted', { disk: disk.id, mountpoint: disk.mountpoint })
      return diskView(desk, changed)
    }),
}
