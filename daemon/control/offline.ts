/** The routes that let go of a disk's root, and take it again. */
import { Fault } from '../../lib/errors.ts'
import { diskView } from './disk-view.ts'
import type { Handlers } from './handler.ts'
import { mountBusy, mountTime, unmountTime } from './mounts.ts'

export const offlineRoutes: Pick<Handlers, 'offlineDisk' | 'onlineDisk'> = {
  offlineDisk: (daemon, { input: { force }, params: { id = '' } }) =>
    daemon.alone(async () => {
      const disk = daemon.disks.find(id)
      if (disk.letGo) return diskView(daemon, disk)
      if (disk.mountpoint !== null && (daemon.mounts.of(disk.id)?.state ?? 'unmounted') !== 'unmounted') {
        const answer = daemon.mounts.next(disk.id, ['unmounted', 'busy'], unmountTime)
        daemon.unmount(disk.id, force === true)
        const said = await answer
        if (said?.state === 'busy') throw mountBusy(disk.mountpoint, said)
        if (said === undefined)
          throw new Fault('MountBusy', `${disk.mountpoint} could not be unmounted in time`)
      }
      const changed = await daemon.disks.setLetGo(disk, true)
      await daemon.publish()
      daemon.log.info('disk.let-go', { disk: disk.id, root: disk.root })
      return diskView(daemon, changed)
    }),

  async onlineDisk(daemon, { params: { id = '' } }) {
    const { disk, answer } = await daemon.alone(async () => {
      const before = daemon.disks.find(id)
      const answer = before.letGo
        ? daemon.mounts.next(before.id, ['mounted', 'failed'], mountTime)
        : Promise.resolve(undefined)
      const disk = before.letGo ? await daemon.disks.setLetGo(before, false) : before
      await daemon.publish()
      daemon.log.info('disk.taken', { disk: disk.id, root: disk.root })
      return { disk, answer }
    })
    if (disk.mountpoint !== null) await answer
    return diskView(daemon, daemon.disks.find(disk.id))
  },
}
