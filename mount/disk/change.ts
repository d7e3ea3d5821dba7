/** A setattr request carried out on a descriptor. */
import {
  chmodFd,
  chownFd,
  descriptorPath,
  fchmod,
  KEEP_ID,
  UTIME_NOW,
  UTIME_OMIT,
  utimesFd,
} from '../../lib/sys/attributes.ts'
import { errno } from '../../lib/sys/errno.ts'
import { ftruncate, truncate } from '../../lib/sys/file.ts'
import { AT_EMPTY_PATH } from '../../lib/sys/open.ts'
import { emptyStat, isFile, statInto } from '../../lib/sys/stat.ts'
import { SET, type AttributeChanges } from '../filesystem.ts'

const stat = emptyStat()

/**
 * Does what `changes.set` names, stopping at the first refusal: 0, or minus the errno. `open`: the descriptor
 * is one that a program has open, not an O_PATH one; a truncation then needs no permission but its mode's.
 */
export function change(fd: number, open: boolean, changes: AttributeChanges): number {
  const { set } = changes
  let result = 0
  if ((set & SET.MODE) !== 0) {
    result = open ? fchmod(fd, changes.mode & 0o7777) : chmodFd(fd, changes.mode & 0o7777)
    if (result < 0) return result
  }
  if ((set & (SET.UID | SET.GID)) !== 0) {
    const uid = (set & SET.UID) !== 0 ? changes.uid : KEEP_ID
    const gid = (set & SET.GID) !== 0 ? changes.gid : KEEP_ID
    result = chownFd(fd, uid, gid)
    if (result < 0) return result
  }
  // Nothing is asked by chown(2) that keeps both ids, which takes an owner's set-ID bits away, and ahead of a write that
  // will take them away itself, whoever writes.
  if (set === 0) {
    result = chownFd(fd, KEEP_ID, KEEP_ID)
    return result === -errno.EPERM ? 0 : result
  }
  if ((set & SET.SIZE) !== 0) {
    result = resize(fd, open, changes.size)
    if (result < 0) return result
  }
  // chown(2) has done it.
  if ((set & SET.KILL_SUIDGID) !== 0 && (set & (SET.UID | SET.GID)) === 0) {
    result = killSuidSgid(fd, open)
    if (result < 0) return result
  }
  const atimeNs =
    (set & SET.ATIME_NOW) !== 0 ? UTIME_NOW : (set & SET.ATIME) !== 0 ? changes.atimeNs : UTIME_OMIT
  const mtimeNs =
    (set & SET.MTIME_NOW) !== 0 ? UTIME_NOW : (set & SET.MTIME) !== 0 ? changes.mtimeNs : UTIME_OMIT
  if (atimeNs !== UTIME_OMIT || mtimeNs !== UTIME_OMIT) {
    result = utimesFd(fd, changes.atime, atimeNs, changes.mtime, mtimeNs)
  }
  return result
}

/** 0, or minus the errno. `open` as for `change`. */
export function resize(fd: number, open: boolean, size: number): number {
  if (!open) return truncate(descriptorPath(fd), size)
  const result = ftruncate(fd, size)
  // The node's handle may be a reading one: truncate(2) by name, of a file that somebody has open.
  return result === -errno.EINVAL || result === -errno.EBADF ? truncate(descriptorPath(fd), size) : result
}

function killSuidSgid(fd: number, open: boolean): number {
  const result = statInto(fd, '', AT_EMPTY_PATH, stat)
  if (result < 0 || !isFile(stat)) return result
  let mode = stat.mode & 0o7777 & ~0o4000
  if ((mode & 0o010) !== 0) mode &= ~0o2000
  if (mode === (stat.mode & 0o7777)) return 0
  return open ? fchmod(fd, mode) : chmodFd(fd, mode)
}
