/** inotify(7): the kernel's journal of what changes in a directory. */
import { declare, type CPath } from './libc.ts'

/** sys/inotify.h */
export const IN = {
  CREATE: 0x100,
  DELETE: 0x200,
  MOVED_FROM: 0x40,
  MOVED_TO: 0x80,
  DELETE_SELF: 0x400,
  UNMOUNT: 0x2000,
  Q_OVERFLOW: 0x4000,
  IGNORED: 0x8000,
  ONLYDIR: 0x01000000,
} as const

const init = declare<[number]>('int inotify_init1(int flags)')
const IN_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000

/** A queue that is never waited on, or minus the errno (EMFILE: the user has too many). */
export const inotifyOpen = (): number => init(IN_NONBLOCK_CLOEXEC)

/** A watch's number, the same for the same file, or minus the errno (ENOSPC: the user has too many). */
export const inotifyAdd = declare<[queue: number, path: CPath, mask: number]>(
  'int inotify_add_watch(int fd, const char *path, uint mask)',
)
export const inotifyRemove = declare<[queue: number, watch: number]>(
  'int inotify_rm_watch(int fd, int watch)',
)

/** Bytes read, or minus the errno (EAGAIN: nothing there). */
export const read = declare<[fd: number, buffer: Uint8Array, size: number]>(
  'long read(int fd, void *buffer, size_t size)',
)
