/**
 * From a key to an open descriptor, beneath the root. A key without symbolic links is opened by its path; one that
 * meets a link is walked by component (links.ts).
 *
 * A FIFO or a device is never opened: opening one does something (a writer wakes up, a watchdog starts). So what a name
 * is comes first: by asking for it, and where a link on the way could lead that question to who doesn't answer, by
 * holding the file without opening it.
 */
import { isRefusedByDomain } from '../sys/access.ts'
import { errno } from '../sys/errno.ts'
import { AT_SYMLINK_NOFOLLOW, close, O, openat2, reopen, RESOLVE } from '../sys/open.ts'
import { modeAt, S, statFd, type Stat } from '../sys/stat.ts'
import { openThroughLinks } from './links.ts'
import { anyPathMayNotAnswer } from './may-not-answer.ts'
import { isDirectoryKey, type Key } from './path.ts'
import { mayNameReserved } from './reserved-name.ts'
import type { Root } from './root.ts'

/** Why a key can't be read; each is a code of the catalogue. */
export type Refusal =
  'NoSuchKey' | 'AccessDenied' | 'DiskOffline' | 'InternalError' | 'ServiceUnavailable' | 'SlowDown'

/** A regular file, or for `dir/` a directory. The caller closes `fd`, which is non-blocking and read-only. */
export interface Opened {
  readonly fd: number
  readonly stat: Stat
}

export const openFlags = O.RDONLY | O.NONBLOCK | O.NOCTTY

/** Opens what `key` names right now. Asks the root whether it is still itself. */
export function resolve(root: Root, key: Key): Opened | Refusal {
  if (!root.check()) return 'DiskOffline'
  const directory = isDirectoryKey(key)
  // A directory inside may fold case where the root doesn't.
  if (root.foldsCase || mayNameReserved(key)) return answer(openThroughLinks(root, key), directory)
  const beneath = RESOLVE.BENEATH | RESOLVE.NO_MAGICLINKS | RESOLVE.NO_SYMLINKS | root.boundary
  const found = directory
    ? unlessLinked(openat2(root.fd, key, openFlags | O.DIRECTORY, beneath), true)
    : key.includes('/') && anyPathMayNotAnswer()
      ? held(openat2(root.fd, key, O.PATH, beneath))
      : asked(root.fd, key, beneath)
  if (found === 'linked') {
    if (root.settings.symlinks === 'deny') return 'NoSuchKey'
    return answer(openThroughLinks(root, key), directory)
  }
  if (typeof found === 'string' || found.stat.mntId === root.stat?.mntId) return found
  // It lies on a file system mounted inside, which may fold case.
  close(found.fd)
  return answer(openThroughLinks(root, key), directory)
}

/** The regular file that `holding` is, an O_PATH descriptor, open for reading. Closes `holding`. */
function held(holding: number): Opened | Refusal | 'linked' {
  if (holding < 0) return unlessLinked(holding, false)
  const stat = statFd(holding)
  const fd = typeof stat === 'number' ? stat : isRegular(stat) ? reopen(holding, openFlags) : -errno.ENXIO
  const hasMoved = isRefusedByDomain(fd, holding)
  close(holding)
  if (hasMoved) return 'linked'
  return fd < 0 || typeof stat === 'number' ? refusal(-fd) : { fd, stat }
}

/**
 * The same by its name, for a third less: what the name is, before it is opened. Asking goes by links, so only where no
 * link can lead to who doesn't answer; what is mounted on the name itself isn't asked.
 */
function asked(directory: number, name: string, beneath: number): Opened | Refusal | 'linked' {
  const mode = modeAt(directory, name, AT_SYMLINK_NOFOLLOW)
  if (mode >= 0 && isSpecial(mode)) return 'NoSuchKey'
  const fd = openat2(directory, name, openFlags, beneath)
  return fd === -errno.EACCES ? held(openat2(directory, name, O.PATH, beneath)) : unlessLinked(fd, false)
}

/** 'linked' where only a walk can tell: a symbolic link is on the way, or the file has left the root since. */
const unlessLinked = (fd: number, directory: boolean): Opened | Refusal | 'linked' =>
  fd === -errno.ELOOP ? 'linked' : answer(fd, directory)

function isSpecial(mode: number): boolean {
  const type = mode & S.IFMT
  return type !== S.IFREG && type !== S.IFLNK
}

const isRegular = ({ mode }: Stat): boolean => (mode & S.IFMT) === S.IFREG

function answer(fd: number, directory: boolean): Opened | Refusal {
  if (fd < 0) return refusal(-fd)
  const stat = statFd(fd)
  if (typeof stat === 'number') {
    close(fd)
    return refusal(-stat)
  }
  if (directory ? (stat.mode & S.IFMT) === S.IFDIR : isRegular(stat)) return { fd, stat }
  close(fd)
  return 'NoSuchKey'
}

const refusals = new Map<number, Refusal>([
  ...[
    errno.ENOENT,
    errno.ENOTDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.EXDEV,
    errno.ENXIO,
    errno.EISDIR,
    errno.EINVAL,
    errno.EILSEQ,
  ].map((number) => [number, 'NoSuchKey'] as const),
  [errno.EACCES, 'AccessDenied'],
  [errno.EPERM, 'AccessDenied'],
  [errno.EAGAIN, 'ServiceUnavailable'],
  [errno.EBUSY, 'ServiceUnavailable'],
  [errno.ETIMEDOUT, 'ServiceUnavailable'],
  [errno.EMFILE, 'SlowDown'],
  [errno.ENFILE, 'SlowDown'],
  [errno.ENOMEM, 'SlowDown'],
  [errno.EBADF, 'DiskOffline'],
  [errno.ENODEV, 'DiskOffline'],
  [errno.ENOTCONN, 'DiskOffline'],
  [errno.ESTALE, 'DiskOffline'],
])

export const refusal = (number: number): Refusal => refusals.get(number) ?? 'InternalError'
