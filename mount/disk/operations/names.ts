/** Operations on names: looking up and forgetting, making, removing and renaming. */
import { errno } from '../../../lib/sys/errno.ts'
import {
  AT_EMPTY_PATH,
  AT_REMOVEDIR,
  AT_SYMLINK_NOFOLLOW,
  close,
  mkdirat,
  mknodat,
  O,
  openat2,
  RENAME,
  renameat2,
  RESOLVE,
  unlinkat,
} from '../../../lib/sys/open.ts'
import { S, statInto } from '../../../lib/sys/stat.ts'
import type { Caller, Name, NameOperations, NodeId } from '../../filesystem.ts'
import { isHidden } from '../hidden.ts'
import { nameText, type Node } from '../nodes.ts'
import type { OpenDisk } from '../open-disk.ts'

export function nameOperations(disk: OpenDisk): NameOperations {
  const { nodes, root } = disk
  return {
    lookup(parent, name, entry) {
      const directory = disk.node(parent)
      if (directory === undefined) return disk.missing()
      const fd = nodes.descriptor(directory)
      if (fd < 0) return fd
      if (isHidden(fd, name)) return -errno.ENOENT
      const result = disk.found(directory, fd, name, entry)
      if (result === 0) nodes.askedIn(directory, root.now)
      return result
    },

    forget(node, count) {
      const known = nodes.get(node)
      if (known !== undefined && known !== nodes.root) nodes.forget(known, count)
    },

    mknod(parent, name, mode, rdev, caller, entry) {
      const fd = disk.directoryFor(parent, name)
      if (fd < 0) return fd
      return disk.made(disk.as(caller, mknodat, fd, name, mode, rdev), parent, fd, name, entry)
    },

    mkdir(parent, name, mode, caller, entry) {
      const fd = disk.directoryFor(parent, name)
      if (fd < 0) return fd
      return disk.made(disk.as(caller, mkdirat, fd, name, mode & 0o7777), parent, fd, name, entry)
    },

    unlink: (parent, name, caller) => remove(disk, parent, name, 0, caller),

    rmdir: (parent, name, caller) => remove(disk, parent, name, AT_REMOVEDIR, caller),

    rename(fromParent, fromName, toParent, toName, flags, caller) {
      if (disk.readOnly) return -errno.EROFS
      if ((flags & ~(RENAME.NOREPLACE | RENAME.EXCHANGE)) !== 0) return -errno.EINVAL
      const from = disk.node(fromParent)
      const to = disk.node(toParent)
      if (from === undefined || to === undefined) return disk.missing()
      from.pinned = to.pinned = true
      const result = rename(disk, from, fromName, to, toName, flags, caller)
      from.pinned = to.pinned = false
      return result
    },
  }
}

function remove(disk: OpenDisk, parent: NodeId, name: Name, flags: number, caller: Caller | null): number {
  if (disk.readOnly) return -errno.EROFS
  const directory = disk.node(parent)
  if (directory === undefined) return disk.missing()
  const fd = disk.nodes.descriptor(directory)
  if (fd < 0) return fd
  if (isHidden(fd, name)) return -errno.ENOENT
  directory.pinned = true
  const node = hold(disk, fd, name)
  directory.pinned = false
  const { nlink, blocks } = disk.stat
  const result = disk.as(caller, unlinkat, fd, name, flags)
  if (result >= 0 && node !== undefined) lost(disk, node, nlink, blocks, directory, nameText(name))
  return result
}

/** Both directories are pinned. */
function rename(
  disk: OpenDisk,
  from: Node,
  fromName: Name,
  to: Node,
  toName: Name,
  flags: number,
  caller: Caller | null,
): number {
  const { nodes } = disk
  const fromFd = nodes.descriptor(from)
  if (fromFd < 0) return fromFd
  const toFd = nodes.descriptor(to)
  if (toFd < 0) return toFd
  if (isHidden(fromFd, fromName)) return -errno.ENOENT
  if (isHidden(toFd, toName)) return -errno.EPERM
  const exchange = (flags & RENAME.EXCHANGE) !== 0
  // What is replaced lives on while somebody holds it: its descriptor is taken before its name goes.
  const replaced = flags === 0 ? hold(disk, toFd, toName) : undefined
  const { nlink, blocks } = disk.stat
  const swapped = exchange ? knownAs(disk, toFd, toName) : undefined
  const moved = knownAs(disk, fromFd, fromName)
  const result = disk.as(caller, renameat2, fromFd, fromName, toFd, toName, flags)
  if (result < 0) return result
  // Two names of one file: rename(2) does nothing then.
  if (replaced !== undefined && replaced !== moved) lost(disk, replaced, nlink, blocks, to, nameText(toName))
  if (moved !== undefined && (replaced !== moved || replaced === undefined)) {
    nodes.place(moved, to, nameText(toName))
  }
  if (swapped !== undefined) nodes.place(swapped, from, nameText(fromName))
  return 0
}

/** The node that `name` stands for, where one is known. */
export function knownAs(disk: OpenDisk, fd: number, name: Name): Node | undefined {
  const { nodes, root, stat } = disk
  if (disk.isCovered(fd, name)) return undefined
  const result = statInto(fd, name, AT_SYMLINK_NOFOLLOW | root.statFlags, stat)
  return result < 0 ? undefined : nodes.byStat(stat)
}

/** As `knownAs`, with a descriptor that outlives the name. What it is, links included, is in `disk.stat` then. */
function hold({ nodes, crosses, stat }: OpenDisk, fd: number, name: Name): Node | undefined {
  const held = openat2(fd, name, O.PATH | O.NOFOLLOW, crosses ? 0 : RESOLVE.NO_XDEV)
  if (held < 0) return undefined
  const result = statInto(held, '', AT_EMPTY_PATH, stat)
  const node = result < 0 ? undefined : nodes.byStat(stat)
  if (node === undefined) close(held)
  else nodes.keep(node, held)
  return node
}

/** The node's file, which had `links` and `blocks`, is no longer called so. */
function lost(
  { nodes, stat }: OpenDisk,
  node: Node,
  links: number,
  blocks: number,
  parent: Node,
  name: string,
): void {
  const last = links === 1 || node.type === S.IFDIR
  if (last || nodes.stat(node, stat) < 0 || stat.nlink === 0) {
    nodes.nameless(node, blocks)
  } else if (node.parent === parent && node.name === name) {
    nodes.place(node, null, '')
  }
}
