/** Operations on attributes, and on what the whole file system has. */
import { accessFd } from '../../../lib/sys/attributes.ts'
import { errno } from '../../../lib/sys/errno.ts'
import { AT_EMPTY_PATH, dup } from '../../../lib/sys/open.ts'
import { isFile, S, statInto } from '../../../lib/sys/stat.ts'
import { statFs } from '../../../lib/sys/statfs.ts'
import { SET, type AttributeOperations } from '../../filesystem.ts'
import { change } from '../change.ts'
import { manyBlocks } from '../nodes.ts'
import type { OpenDisk } from '../open-disk.ts'

export function attributeOperations(disk: OpenDisk): AttributeOperations {
  const { nodes, stat } = disk
  return {
    getattr(id, handle, attributes) {
      const open = disk.behind(handle)
      if (open >= 0) return statInto(open, '', AT_EMPTY_PATH, attributes)
      const node = disk.node(id)
      return node === undefined ? disk.missing() : nodes.stat(node, attributes)
    },

    setattr(id, handle, changes, caller, attributes) {
      if (disk.readOnly) return -errno.EROFS
      const given = disk.behind(handle)
      const open = given >= 0 ? given : disk.openOn(id)
      const fd = open >= 0 ? open : disk.reach(id)
      if (fd < 0) return fd
      // Where nothing is named, who may take the set-ID bits away is the host's to say.
      const as = changes.set === SET.MODE || changes.set === 0 ? caller : null
      disk.limit(caller)
      let result = disk.as(as, change, fd, open >= 0, changes)
      if (result >= 0) result = statInto(fd, '', AT_EMPTY_PATH, attributes)
      if (open < 0) nodes.done(fd)
      return result
    },

    cut(id, handle, size) {
      if (disk.readOnly) return -errno.EROFS
      const given = disk.behind(handle)
      const fd = given >= 0 ? given : disk.reach(id)
      if (fd < 0) return fd
      let result = statInto(fd, '', AT_EMPTY_PATH, stat)
      if (result >= 0) {
        const long = stat.blocks >= manyBlocks && size < stat.size && isFile(stat)
        // Writing takes set-user-ID and set-group-ID away.
        result = long && (stat.mode & 0o6000) === 0 ? dup(fd) : -errno.EINVAL
      }
      if (given < 0) nodes.done(fd)
      return result
    },

    access(id, mask) {
      if (disk.readOnly && (mask & 2) !== 0) return -errno.EROFS
      const fd = disk.reach(id)
      if (fd < 0) return fd
      const result = accessFd(fd, mask)
      nodes.done(fd)
      return result
    },

    statfs(id, statfs) {
      const node = disk.node(id)
      if (node === undefined) return disk.missing()
      const fd = nodes.descriptor(node.type === S.IFDIR ? node : (node.parent ?? nodes.root))
      return fd < 0 ? fd : statFs(fd, statfs)
    },
  }
}
