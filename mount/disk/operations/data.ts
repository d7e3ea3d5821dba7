/** Operations on what is behind a handle: its bytes, and getting them to the disk. */
import { errno } from '../../../lib/sys/errno.ts'
import * as sys from '../../../lib/sys/file.ts'
import type { DataOperations, HandleId } from '../../filesystem.ts'
import type { OpenDisk } from '../open-disk.ts'

export function dataOperations(disk: OpenDisk): DataOperations {
  const { handles, readOnly } = disk

  const sync = (handle: HandleId, dataOnly: boolean): number => {
    const open = handles.get(handle)
    if (open === null) return -errno.EBADF
    return dataOnly ? sys.fdatasync(open.fd) : sys.fsync(open.fd)
  }

  return {
    read(handle, offset, buffer, start, length) {
      const open = handles.get(handle)
      if (open === null) return -errno.EBADF
      return sys.pread(open.fd, buffer.subarray(start, start + length), length, offset)
    },

    write(handle, offset, buffer, start, length) {
      if (readOnly) return -errno.EROFS
      const open = handles.get(handle)
      if (open === null) return -errno.EBADF
      return sys.pwrite(open.fd, buffer.subarray(start, start + length), length, offset)
    },

    fsync: sync,

    fsyncdir: sync,

    fallocate(handle, mode, offset, length) {
      if (readOnly) return -errno.EROFS
      const open = handles.get(handle)
      return open === null ? -errno.EBADF : sys.fallocate(open.fd, mode, offset, length)
    },

    lseek(handle, offset, whence) {
      const open = handles.get(handle)
      return open === null ? -errno.EBADF : sys.lseek(open.fd, offset, whence)
    },

    copyFileRange(from, fromOffset, to, toOffset, length, flags) {
      if (readOnly) return -errno.EROFS
      const source = handles.get(from)
      const target = handles.get(to)
      if (source === null || target === null) return -errno.EBADF
      return sys.copyFileRange(source.fd, fromOffset, target.fd, toOffset, length, flags)
    },
  }
}
