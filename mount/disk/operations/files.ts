/** Operations that open and close files. */
import { descriptorPath } from '../../../lib/sys/attributes.ts'
import { errno } from '../../../lib/sys/errno.ts'
import { ftruncate, truncate } from '../../../lib/sys/file.ts'
import { AT_EMPTY_PATH, AT_FDCWD, close, dup, O, openat2, RESOLVE } from '../../../lib/sys/open.ts'
import { isDirectory, isFile, S, statInto } from '../../../lib/sys/stat.ts'
import type { Caller, Entry, FileOperations, Opened } from '../../filesystem.ts'
import { nameText, type Node } from '../nodes.ts'
import type { OpenDisk } from '../open-disk.ts'

/** What of open(2)'s flags reaches the host. O_DIRECT doesn't: our buffers aren't aligned as it demands. */
const openFlags = O.ACCMODE | O.APPEND | O.NOATIME | O.SYNC

export function fileOperations(disk: OpenDisk): FileOperations {
  const { nodes, handles, root, stat } = disk
  return {
    open(id, flags, caller, opened) {
      const writes = (flags & O.ACCMODE) !== O.RDONLY || (flags & O.TRUNC) !== 0
      if (disk.readOnly && writes) return -errno.EROFS
      const node = disk.node(id)
      if (node === undefined) return disk.missing()
      if (node.type !== S.IFREG) return node.type === S.IFDIR ? -errno.EISDIR : -errno.ENXIO
      const allowed = disk.mayOpen(caller)
      if (allowed < 0) return allowed
      // O_NONBLOCK: should a FIFO have taken the name, its opener doesn't wait before we find out.
      const wanted = (flags & openFlags) | O.NONBLOCK | O.NOCTTY
      let fd = nodes.openPlace(node, wanted | O.NOFOLLOW, stat)
      if (fd === -errno.ESTALE) {
        const known = node.fd >= 0 ? node.fd : (node.handles?.[0] ?? -1)
        if (known >= 0) fd = openat2(AT_FDCWD, descriptorPath(known), wanted)
        if (fd >= 0) statInto(fd, '', AT_EMPTY_PATH, stat)
      }
      if (fd < 0) return fd
      if ((flags & O.TRUNC) !== 0) {
        // O_RDONLY | O_TRUNC truncates too.
        const reads = (flags & O.ACCMODE) === O.RDONLY
        const result = reads ? truncate(descriptorPath(fd), 0) : ftruncate(fd, 0)
        if (result < 0) {
          close(fd)
          return result
        }
      }
      opened.handle = disk.opened(node, fd, null, flags, caller)
      opened.mode = stat.mode
      return 0
    },

    create(parent, name, flags, mode, caller, entry, opened) {
      const directory = disk.directoryFor(parent, name)
      if (directory < 0) return directory
      const allowed = disk.mayOpen(caller)
      if (allowed < 0) return allowed
      const wanted = (flags & (openFlags | O.TRUNC | O.EXCL)) | O.CREAT | O.NOFOLLOW | O.NONBLOCK | O.NOCTTY
      // A file may be mounted on the name, which isn't there for us.
      const resolve = disk.crosses ? 0 : RESOLVE.NO_XDEV
      const fd = disk.as(caller, openat2, directory, name, wanted, resolve, mode & 0o7777)
      if (fd < 0) return fd === -errno.EXDEV ? -errno.EEXIST : fd
      return openedNew(disk, disk.node(parent) ?? null, nameText(name), fd, flags, caller, entry, opened)
    },

    tmpfile(parent, flags, mode, caller, entry, opened) {
      if (disk.readOnly) return -errno.EROFS
      const node = disk.node(parent)
      if (node === undefined) return disk.missing()
      const directory = nodes.descriptor(node)
      if (directory < 0) return directory
      const allowed = disk.mayOpen(caller)
      if (allowed < 0) return allowed
      const wanted = (flags & (openFlags | O.EXCL)) | O.TMPFILE | O.NOCTTY
      const fd = disk.as(caller, openat2, directory, '.', wanted, 0, mode & 0o7777)
      return fd < 0 ? fd : openedNew(disk, null, '', fd, flags, caller, entry, opened)
    },

    flush(handle) {
      const open = handles.get(handle)
      if (open === null) return -errno.EBADF
      if (root.closesQuietly) return -errno.ENOSYS
      const copy = dup(open.fd)
      return copy < 0 ? copy : close(copy)
    },

    release: (handle) => disk.released(handle),
  }
}

function openedNew(
  disk: OpenDisk,
  parent: Node | null,
  name: string,
  fd: number,
  flags: number,
  caller: Caller | null,
  entry: Entry,
  opened: Opened,
): number {
  const { attributes } = entry
  const result = statInto(fd, '', AT_EMPTY_PATH, attributes)
  if (result < 0 || !isFile(attributes)) {
    close(fd)
    return result < 0 ? result : isDirectory(attributes) ? -errno.EISDIR : -errno.ENXIO
  }
  const node = disk.nodes.found(parent, name, attributes)
  entry.node = node.id
  opened.handle = disk.opened(node, fd, null, flags, caller)
  opened.mode = attributes.mode
  return 0
}
