/** mount(2) and umount2(2). */
import { declare, type CPath } from './libc.ts'

/** sys/mount.h */
export const MS = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  REMOUNT: 32,
  BIND: 4096,
  PRIVATE: 1 << 18,
} as const
export const MNT = { FORCE: 1, DETACH: 2, EXPIRE: 4 } as const
export const UMOUNT_NOFOLLOW = 8

/** `data`: comma-separated options of the file system, or null. */
export const mount = declare<[source: CPath, target: CPath, type: CPath, flags: number, data: CPath | null]>(
  'int mount(const char *source, const char *target, const char *type, ulong flags, const char *data)',
)
/** `flags`: of MNT, UMOUNT_NOFOLLOW. -EBUSY: somebody uses it. */
export const umount2 = declare<[target: CPath, flags: number]>('int umount2(const char *target, int flags)')
