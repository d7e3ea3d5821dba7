/**
 * Operations on extended attributes. A descriptor that a program has open does for f…xattr(2); otherwise the file is
 * reached by a path below /proc, which O_PATH descriptors have too.
 */
import { descriptorPath } from '../../../lib/sys/attributes.ts'
import { errno } from '../../../lib/sys/errno.ts'
import type { CString } from '../../../lib/sys/libc.ts'
import {
  fgetxattr,
  flistxattr,
  fremovexattr,
  fsetxattr,
  getxattr,
  listxattr,
  removexattr,
  setxattr,
} from '../../../lib/sys/xattr.ts'
import type { ExtendedAttributeOperations } from '../../filesystem.ts'
import { nameText } from '../nodes.ts'
import type { OpenDisk } from '../open-disk.ts'

const isAcl = (name: CString): boolean => nameText(name).startsWith('system.posix_acl_')

export function extendedAttributeOperations(disk: OpenDisk): ExtendedAttributeOperations {
  const { nodes } = disk
  return {
    getxattr(id, name, buffer, start, length) {
      const value = length === 0 ? null : buffer.subarray(start, start + length)
      const open = disk.openOn(id)
      if (open >= 0) return fgetxattr(open, name, value, length)
      const fd = disk.reach(id)
      if (fd < 0) return fd
      const result = getxattr(descriptorPath(fd), name, value, length)
      nodes.done(fd)
      return result
    },

    listxattr(id, buffer, start, length) {
      const names = length === 0 ? null : buffer.subarray(start, start + length)
      const open = disk.openOn(id)
      if (open >= 0) return flistxattr(open, names, length)
      const fd = disk.reach(id)
      if (fd < 0) return fd
      const result = listxattr(descriptorPath(fd), names, length)
      nodes.done(fd)
      return result
    },

    setxattr(id, name, value, start, length, flags, caller) {
      if (disk.readOnly) return -errno.EROFS
      const bytes = value.subarray(start, start + length)
      // Whose call it is decides whether an ACL takes the set-group-ID bit away, and what room is left for it.
      const as = caller !== null && (caller.uid !== 0 || isAcl(name)) ? caller : null
      const open = disk.openOn(id)
      if (open >= 0) return disk.as(as, fsetxattr, open, name, bytes, length, flags)
      const fd = disk.reach(id)
      if (fd < 0) return fd
      const result = disk.as(as, setxattr, descriptorPath(fd), name, bytes, length, flags)
      nodes.done(fd)
      return result
    },

    removexattr(id, name) {
      if (disk.readOnly) return -errno.EROFS
      const open = disk.openOn(id)
      if (open >= 0) return fremovexattr(open, name)
      const fd = disk.reach(id)
      if (fd < 0) return fd
      const result = removexattr(descriptorPath(fd), name)
      nodes.done(fd)
      return result
    },
  }
}
