/** Operations on symbolic and hard links. */
import { descriptorPath } from '../../../lib/sys/attributes.ts'
import { errno } from '../../../lib/sys/errno.ts'
import { AT_FDCWD, AT_SYMLINK_FOLLOW, linkat, readlinkat, symlinkat } from '../../../lib/sys/open.ts'
import type { LinkOperations } from '../../filesystem.ts'
import type { OpenDisk } from '../open-disk.ts'

export function linkOperations(disk: OpenDisk): LinkOperations {
  const { nodes } = disk
  return {
    symlink(parent, name, target, caller, entry) {
      const fd = disk.directoryFor(parent, name)
      if (fd < 0) return fd
      return disk.made(disk.as(caller, symlinkat, target, fd, name), parent, fd, name, entry)
    },

    readlink(id, buffer, start, length) {
      const fd = disk.reach(id)
      if (fd < 0) return fd
      const target = readlinkat(fd, '')
      nodes.done(fd)
      if (typeof target === 'number') return target === -errno.ENOENT ? -errno.EINVAL : target
      const cut = target.subarray(0, length)
      buffer.set(cut, start)
      return cut.length
    },

    link(id, toParent, toName, caller, entry) {
      const toFd = disk.directoryFor(toParent, toName)
      if (toFd < 0) return toFd
      const to = disk.node(toParent)
      if (to === undefined) return disk.missing()
      to.pinned = true
      const fd = disk.reach(id)
      to.pinned = false
      if (fd < 0) return fd
      const result = disk.as(caller, linkat, AT_FDCWD, descriptorPath(fd), toFd, toName, AT_SYMLINK_FOLLOW)
      nodes.done(fd)
      return disk.made(result, toParent, toFd, toName, entry)
    },
  }
}
