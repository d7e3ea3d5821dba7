/** Operations on open directories. */
import { errno } from '../../../lib/sys/errno.ts'
import { O, openat2 } from '../../../lib/sys/open.ts'
import { emptyStat, S } from '../../../lib/sys/stat.ts'
import type { DirectoryOperations, Entry, Name, NodeId } from '../../filesystem.ts'
import { DirectoryStream } from '../directory-stream.ts'
import { isHidden, mayBeHidden } from '../hidden.ts'
import type { OpenDisk } from '../open-disk.ts'

/**
 * Beyond so many nodes, of some 150 bytes each, readdir looks nothing up any more. Names that are asked for still are,
 * at two to three times the price.
 */
const maxListedNodes = 1_000_000

export function directoryOperations(disk: OpenDisk): DirectoryOperations {
  const { nodes, handles, root } = disk
  /** What `sink` is given: a name that wasn't looked up, and one that was. */
  const unseen: Entry = { node: 0 as NodeId, attributes: emptyStat() }
  const seen: Entry = { node: 0 as NodeId, attributes: emptyStat() }

  return {
    opendir(id, caller, opened) {
      const node = disk.node(id)
      if (node === undefined) return disk.missing()
      if (node.type !== S.IFDIR) return -errno.ENOTDIR
      const allowed = disk.mayOpen(caller)
      if (allowed < 0) return allowed
      const path = nodes.descriptor(node)
      if (path < 0) return path
      const fd = openat2(path, '.', O.RDONLY | O.DIRECTORY)
      if (fd < 0) return fd
      opened.handle = disk.opened(node, fd, new DirectoryStream(fd), 0, caller)
      opened.mode = 0
      return 0
    },

    readdir(handle, offset, withNodes, sink) {
      const open = handles.get(handle)
      if (open === null || open.stream === null) return -errno.EBADF
      if (root.offline) return -errno.EIO
      const { stream, node, fd } = open
      const looksUp = withNodes && !nodes.isWellKnown(node, root.now)
      const sought = stream.seek(offset)
      if (sought < 0) return sought
      const plain = withNodes ? unseen : null
      const listed = looksUp ? seen : null
      const hides = !disk.crosses && root.holdsMounts
      const hidesState = root.mayShowState
      for (;;) {
        const more = stream.peek()
        if (more <= 0) return more
        const { entry } = stream
        const { bytes, nameStart, nameEnd } = entry
        const length = nameEnd - nameStart
        const dot =
          bytes[nameStart] === 0x2e && (length === 1 || (length === 2 && bytes[nameStart + 1] === 0x2e))
        if (
          !dot &&
          mayBeHidden(bytes[nameStart] ?? 0) &&
          isHidden(fd, bytes.subarray(nameStart, nameEnd + 1))
        ) {
          stream.consume()
          continue
        }
        if (!sink.fits(length)) return 0
        if (dot) {
          sink.add(entry, plain)
        } else if (listed !== null && nodes.count < maxListedNodes) {
          const result = disk.found(node, fd, bytes.subarray(nameStart, nameEnd + 1) as Name, listed)
          if (result === 0) sink.add(entry, listed)
          else if (result !== -errno.ENOENT) sink.add(entry, plain)
        } else {
          const name = bytes.subarray(nameStart, nameEnd + 1) as Name
          if (!(hides && disk.isCovered(fd, name)) && !(hidesState && disk.isState(fd, name)))
            sink.add(entry, plain)
        }
        stream.consume()
      }
    },

    releasedir: (handle) => disk.released(handle),
  }
}
