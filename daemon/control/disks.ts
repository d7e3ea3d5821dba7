/** The routes of disks. */
import { parseDiskId } from '../../lib/disk.ts'
import { Fault } from '../../lib/errors.ts'
import { sees } from './caller.ts'
import { askedViews, diskView } from './disk-view.ts'
import { Page, type Handlers } from './handler.ts'

/** As Archil's. */
const pageLimit = 100

export const diskRoutes: Pick<
  Handlers,
  'listDisks' | 'createDisk' | 'showDisk' | 'changeDisk' | 'removeDisk'
> = {
  async listDisks(daemon, { input: { limit = pageLimit, cursor, name }, caller }) {
    const disks = daemon.disks.list().filter(({ id }) => sees(caller, id))
    if (name !== undefined) {
      const found = disks.filter((disk) => disk.alias === name || disk.id === name)
      return askedViews(daemon, found)
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
    return new Page(await askedViews(daemon, page), next)
  },

  createDisk: (daemon, { input: { name, root, tags, settings } }) =>
    daemon.alone(async () => {
      if (name !== undefined && name !== null && parseDiskId(name) !== undefined) {
        throw new Fault('InvalidAlias', `"${name}" is the id of a disk, not an alias.`)
      }
      const wishes = { alias: name ?? null, tags: tags ?? {}, settings: settings ?? {} }
      const disk =
        root === undefined || root === null
          ? await daemon.disks.create(wishes)
          : await daemon.disks.adopt(root, wishes)
      await daemon.publish()
      daemon.log.info('disk.created', { disk: disk.id, kind: disk.kind, root: disk.root })
      return { diskId: disk.id, authorizedUsers: [], disk: await diskView(daemon, disk) }
    }),

  async showDisk(daemon, { params: { id = '' } }) {
    const [view] = await askedViews(daemon, [daemon.disks.find(id)])
    return view!
  },

  changeDisk: (daemon, { input: { name, root, tags, settings }, params: { id = '' } }) =>
    daemon.alone(async () => {
      let disk = daemon.disks.find(id)
      if (root !== undefined) disk = await daemon.disks.rebind(disk, root)
      disk = await daemon.disks.change(disk, {
        ...(name === undefined ? {} : { alias: name }),
        ...(tags === undefined ? {} : { tags }),
        ...(settings === undefined ? {} : { settings }),
      })
      await daemon.publish()
      daemon.log.info('disk.changed', { disk: disk.id })
      return diskView(daemon, disk)
    }),

  removeDisk: (daemon, { params: { id = '' } }) =>
    daemon.alone(async () => {
      const disk = daemon.disks.find(id)
      await daemon.disks.forget(disk, daemon.users.removals(disk.id))
      daemon.users.forget(disk.id)
      const mounted = daemon.mounts.of(disk.id)
      const gone =
        mounted === undefined || mounted.state === 'unmounted'
          ? undefined
          : daemon.mounts.next(disk.id, ['unmounted'], 20_000)
      if (gone !== undefined) daemon.unmount(disk.id, true)
      await daemon.publish()
      await gone
      daemon.mounts.forget(disk.id)
      await daemon.disks.discard(disk)
      daemon.log.info('disk.removed', { disk: disk.id, kind: disk.kind, root: disk.root })
      return null
    }),
}
