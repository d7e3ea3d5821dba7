/**
 * A disk's tree as a file system: the contract of `../filesystem.ts` over system calls, put together from groups of
 * operations over one `OpenDisk`.
 *
 * Everything acts on (directory descriptor, name) and follows no link, so nothing leaves the root whoever
 * renames what meanwhile. `.twofold` exists at no level: it isn't found, isn't listed and can't be made. What
 * is mounted inside the root is not there either, unless the disk crosses devices, as at the S3 door.
 *
 * Once a second the root's path is asked whether it still leads to the root; while it doesn't, everything
 * that needs a name or a node answers EIO and no descriptor keeps the root's file system busy.
 *
 * The process's umask must be 0: masks are the caller's business.
 */
import { errno } from '../../lib/sys/errno.ts'
import { close, O, openat2 } from '../../lib/sys/open.ts'
import type { Filesystem } from '../filesystem.ts'
import type { Credentials } from './credentials.ts'
import { OpenDisk } from './open-disk.ts'
import { attributeOperations } from './operations/attributes.ts'
import { dataOperations } from './operations/data.ts'
import { directoryOperations } from './operations/directories.ts'
import { fileOperations } from './operations/files.ts'
import { linkOperations } from './operations/links.ts'
import { knownAs, nameOperations } from './operations/names.ts'
import { extendedAttributeOperations } from './operations/xattrs.ts'
import type { DiskSource } from './source.ts'

const rootUser = { uid: 0 }

/** Throws SystemError when the root can't be opened, unless it is merely not who it should be: then EIO until it is. */
export function openDiskFilesystem(
  source: DiskSource,
  credentials: Credentials | null,
  closeLarge: (fd: number) => void = close,
): Filesystem {
  const disk = new OpenDisk(source, credentials, closeLarge)
  const { nodes, handles } = disk
  return {
    readOnly: disk.readOnly,
    ...nameOperations(disk),
    ...linkOperations(disk),
    ...attributeOperations(disk),
    ...extendedAttributeOperations(disk),
    ...fileOperations(disk),
    ...dataOperations(disk),
    ...directoryOperations(disk),

    isFrozen: () => disk.root.isFrozen,

    isNameless: (node) => nodes.get(node)?.parent === null,

    openRoot() {
      if (disk.node(nodes.root.id) === undefined) return -errno.EIO
      const path = nodes.descriptor(nodes.root)
      return path < 0 ? path : openat2(path, '.', O.RDONLY | O.DIRECTORY)
    },

    descriptor: (handle) => handles.get(handle)?.fd ?? -errno.EBADF,

    writer: (handle) => handles.get(handle)?.node.use?.user ?? rootUser,

    appends: (handle) => handles.get(handle)?.appends ?? false,

    nodeOf: (dev, ino) => nodes.byInode(dev, ino)?.id ?? 0,

    nodeAt(parent, name) {
      const directory = disk.node(parent)
      const fd = directory === undefined ? -1 : nodes.descriptor(directory)
      return fd < 0 ? 0 : (knownAs(disk, fd, name)?.id ?? 0)
    },

    usage: () => ({
      nodes: nodes.count,
      lookups: nodes.lookups,
      handles: handles.count,
      refusedHandles: disk.shares.refused,
      descriptors: nodes.descriptors,
    }),

    close: () => disk.close(),
  }
}
