/** faccessat(2): what mode bits, owners and lists of a file let this thread do, whatever its Landlock domain says. */
import { errno } from './errno.ts'
import { declare, type CPath } from './libc.ts'
import { AT_EMPTY_PATH } from './open.ts'

const faccessat = declare<[dirfd: number, path: CPath, mode: number, flags: number]>(
  'int faccessat(int dirfd, const char *path, int mode, int flags)',
)
/** fcntl.h and unistd.h */
const AT_EACCESS = 0x200
const R_OK = 4

/**
 * Whether `result`, minus an errno that opening the file behind `fd` for reading gave, was the domain's doing: Landlock
 * refuses to open, and says nothing to who asks whether it might.
 */
export const isRefusedByDomain = (result: number, fd: number): boolean =>
  result === -errno.EACCES && faccessat(fd, '', R_OK, AT_EMPTY_PATH | AT_EACCESS) === 0
