/**
 * Extended attributes. The functions of paths follow links; /proc/self/fd/N as path reaches the very file
 * that an O_PATH descriptor is on, a symbolic link included.
 */
import { declare, type CPath } from './libc.ts'

/** sys/xattr.h */
export const XATTR = { CREATE: 1, REPLACE: 2 } as const

/** The value's length; a `size` of 0 asks for it alone. -ENODATA: no such attribute. -ERANGE: `size` is too small. */
export const fgetxattr = declare<[fd: number, name: CPath, value: Uint8Array | null, size: number]>(
  'long fgetxattr(int fd, const char *name, void *value, size_t size)',
)
export const getxattr = declare<[path: CPath, name: CPath, value: Uint8Array | null, size: number]>(
  'long getxattr(const char *path, const char *name, void *value, size_t size)',
)
/** All names, a NUL after each: their length. */
export const flistxattr = declare<[fd: number, names: Uint8Array | null, size: number]>(
  'long flistxattr(int fd, void *names, size_t size)',
)
export const listxattr = declare<[path: CPath, names: Uint8Array | null, size: number]>(
  'long listxattr(const char *path, void *names, size_t size)',
)
/** `flags`: of XATTR, or 0. */
export const fsetxattr = declare<
  [fd: number, name: CPath, value: Uint8Array | null, size: number, flags: number]
>('int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)')
export const setxattr = declare<
  [path: CPath, name: CPath, value: Uint8Array | null, size: number, flags: number]
>('int setxattr(const char *path, const char *name, const void *value, size_t size, int flags)')
export const fremovexattr = declare<[fd: number, name: CPath]>('int fremovexattr(int fd, const char *name)')
export const removexattr = declare<[path: CPath, name: CPath]>(
  'int removexattr(const char *path, const char *name)',
)
