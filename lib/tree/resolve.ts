/**
 * From a key to an open descriptor, beneath the root. A key without symbolic links costs one openat2; one
 * that meets a link is walked by component (links.ts).
 *
 * A FIFO or a device is never opened: opening one does something (a writer wakes up, a watchdog starts). So a file is
 * held first without being opened, and opened when it is seen to be a regular one. Nothing here goes by a path that
 * could lead out of the root, to where nobody answers, before openat2 says that it doesn't.
 */
import { isRefusedByDomain } from '../sys/access.ts'
import { errno } from '../sys/errno.ts'
import { close, O, openat2, reopen, RESOLVE } from '../sys/open.ts'
import { S, statFd, type Stat } from '../sys/stat.ts'
import { openThroughLinks } from './links.ts'
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
  const held = openat2(root.fd, key, directory ? openFlags | O.DIRECTORY : O.PATH, beneath)
  if (held === -errno.ELOOP && root.settings.symlinks !== 'deny')
    return answer(openThroughLinks(root, key), directory)
  const found = directory ? answer(held, true) : opened(held)
  if (found === 'moved') return answer(openThroughLinks(root, key), false)
  if (typeof found === 'string' || found.stat.mntId === root.stat?.mntId) return found
  // It lies on a file system mounted inside, which may fold case.
  close(found.fd)
  return answer(openThroughLinks(root, key), directory)
}

/** The regular file that `held` is, open for reading; 'moved' where it has left the root since. Closes `held`. */
function opened(held: number): Opened | Refusal | 'moved' {
  if (held < 0) return refusal(-held)
  const stat = statFd(held)
  const fd = typeof stat === 'number' ? stat : isRegular(stat) ? reopen(held, openFlags) : -errno.ENXIO
  const hasMoved = isRefusedByDomain(fd, held)
  close(held)
  if (hasMoved) return 'moved'
  return fd < 0 || typeof stat === 'number' ? refusal(-fd) : { fd, stat }
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
