/** ioctl_ficlone(2): a file that shares another's blocks. */
import { declare } from './libc.ts'
import { IOW } from './ioctl.ts'

const FICLONE = IOW(0x94, 9, 4)
const call = declare<[fd: number, request: number, source: number]>(
  'int ioctl(int fd, ulong request, long source)',
)

/** Makes `fd`'s content `source`'s, sharing its blocks. 0, or minus the errno (EOPNOTSUPP, EXDEV). */
export const ficlone = (fd: number, source: number): number => call(fd, FICLONE, source)
