/** Kinds of file systems, and what one says of a file beyond its attributes: name_to_handle_at(2), case folding. */
import { declare, type CPath } from './libc.ts'
import { AT_EMPTY_PATH } from './open.ts'

/** linux/magic.h and the file systems' own sources. */
export const FS = {
  EXT4: 0xef53,
  TMPFS: 0x01021994,
  XFS: 0x58465342,
  BTRFS: 0x9123683e,
  F2FS: 0xf2f52010,
  OVERLAY: 0x794c7630,
  FUSE: 0x65735546,
  NFS: 0x6969,
  CEPH: 0x00c36400,
  V9FS: 0x01021997,
  AFS: 0x5346414f,
  CIFS: 0xff534d42,
  SMB2: 0xfe534d42,
  MSDOS: 0x4d44,
  EXFAT: 0x2011bab0,
  NTFS: 0x5346544e,
  NTFS3: 0x7366746e,
  HFSPLUS: 0x482b,
} as const

/** Other machines or a FUSE daemon change these without our kernel hearing of it, and may take any time. */
export const remoteTypes: ReadonlySet<number> = new Set<number>([
  FS.FUSE,
  FS.NFS,
  FS.CEPH,
  FS.V9FS,
  FS.AFS,
  FS.CIFS,
  FS.SMB2,
])

const remoteNames =
  /^(?:fuse|fuseblk|fuse\..*|nfs4?|ceph|9p|virtiofs|afs|cifs|smb3|lustre|beegfs|orangefs|gfs2|ocfs2|autofs)$/

/** The same by the name of a mount table. An automounter answers when what it mounts does. */
export const isRemoteName = (type: string): boolean => remoteNames.test(type)

const toHandle = declare<[number, CPath, Uint8Array, Uint8Array, number]>(
  'int name_to_handle_at(int dirfd, const char *path, void *handle, void *mount, int flags)',
)
const MAX_HANDLE_SZ = 128
const handle = Buffer.alloc(8 + MAX_HANDLE_SZ)
const mount = Buffer.alloc(4)

/** The handle of the file behind `fd`, type and bytes in hex, or minus the errno (EOPNOTSUPP: it has none). */
export function fileHandle(fd: number): string | number {
  handle.writeUInt32LE(MAX_HANDLE_SZ, 0)
  const result = toHandle(fd, '', handle, mount, AT_EMPTY_PATH)
  return result < 0 ? result : handle.toString('hex', 4, 8 + handle.readUInt32LE(0))
}

const ioctl = declare<[number, bigint, Uint8Array]>('int ioctl(int fd, ulong request, void *argument)')
/** linux/fs.h: _IOR('f', 1, long). */
const FS_IOC_GETFLAGS = 0x80086601n
const FS_CASEFOLD_FL = 0x40000000
const flags = Buffer.alloc(8)

/** Whether the directory behind `fd` (not an O_PATH descriptor) folds case by its own flag, as ext4's do. */
export function foldsCase(fd: number): boolean {
  return ioctl(fd, FS_IOC_GETFLAGS, flags) === 0 && (flags.readUInt32LE(0) & FS_CASEFOLD_FL) !== 0
}
