/** The routes of disks. */
import { parseDiskId } from '../../lib/disk.ts'
import { Fault } from '../../lib/errors.ts'
import { Page, type Handlers } from './desk.ts'
import { diskView } from './disk-view.ts'

/** As Archil's. */
const pageLimit = 100

export const diskRoutes: Pick<
  Handlers,
  'listDisks' | 'createDisk' | 'showDisk' | 'changeDisk' | 'removeDisk'
> = {
  async listDisks(desk, { limit = pageLimit, cursor, name }) {
    const disks = desk.disks.list()
    if (name !== undefined) {
      const found = disks.filter((disk) => disk.alias === name || disk.id === name)
      return Promise.all(found.map((disk) => diskView(desk, disk)))
    }
    let from = 0
    if (cursor !== undefined) {
      // The last disk of the page before. One that was removed since can't say where it was.
      const at = disks.findIndex((disk) => disk.id === cursor)
      if (at < 0) throw new Fault('InvalidArgument', 'cursor is not one that a list has answered with')
      from = at + 1
    }
    const page = disks.slice(from, from + limit)
    const next = from + limit < disks.length ? (page.at(-1)?.id ?? null) : null
    return new Page(await Promise.all(page.map((disk) => diskView(desk, disk))), next)
  },

  createDisk: (desk, { name, root, tags, settings }) =>
    desk.alone(async () => {
      if (name !== undefined && name !== null && parseDiskId(name) !== undefined) {
        throw new Fault('InvalidAlias', `"${name}" is the id of a disk, not an alias.`)
      }
      const wishes = { alias: name ?? null, tags: tags ?? {}, settings: settings ?? {} }
      const disk =
        root === undefined || root === null
          ? await desk.disks.create(wishes)
          : await desk.disks.adopt(root, wishes)
      await desk.publish()
      desk.log.info('disk.created', { disk: disk.id, kind: disk.kind, root: disk.root })
      return { diskId: disk.id, authorizedUsers: [], disk: await diskView(desk, disk) }
    }),

  async showDisk(desk, _input, { id = '' }) {
    return diskView(desk, desk.disks.find(id))
  },

  changeDisk: (desk, { name, root, tags, settings }, { id = '' }) =>
    desk.alone(async () => {
      let disk = desk.disks.find(id)
      if (root !== undefined) disk = await desk.disks.rebind(disk, root)
      disk = await desk.disks.change(disk, {
        ...(name === undefined ? {} : { alias: name }),
        ...(tags === undefined ? {} : { tags }),
        ...(settings === undefined ? {} : { settings }),
      })
      await desk.publish()
      desk.log.info('disk.changed', { disk: disk.id })
      return diskView(desk, disk)
    }),

  removeDisk: (desk, _input, { id = '' }) =>
    desk.alone(async () => {
      const disk = desk.disks.find(id)
      await desk.disks.forget(disk, desk.users.removals(disk.id))
      desk.users.forget(disk.id)
      const mounted = desk.mounts.of(disk.id)
      const gone =
        mounted === undefined || mounted.state === 'unmounted'
          ? undefined
          : desk.mounts.next(disk.id, ['unmounted'], 20_000)
      if (gone !== undefined) desk.unmount(disk.id, true)
      await desk.publish()
      await gone
      desk.mounts.forget(disk.id)
      await desk.disks.discard(disk)
      desk.log.info('disk.removed', { disk: disk.id, kind: disk.kind, root: disk.root })
      return null
    }),
}
