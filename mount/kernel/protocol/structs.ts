/** The structs of linux/fuse.h (7.45) that we read or write, by the header's own field names. */
import { count, extent, i32, i64, pad, struct, u16, u32, u64 } from './wire.ts'

export const inHeader = struct('fuse_in_header', {
  len: u32,
  opcode: u32,
  unique: u64,
  nodeid: count,
  uid: u32,
  gid: u32,
  pid: u32,
  /** Length of extensions behind the arguments, in units of 8 bytes. */
  total_extlen: u16,
  _padding: pad(2),
})

export const outHeader = struct('fuse_out_header', { len: u32, error: i32, unique: u64 })

export const initIn = struct('fuse_init_in', {
  major: u32,
  minor: u32,
  max_readahead: u32,
  flags: u32,
})
/** Follows `initIn` when its flags hold INIT_EXT (7.36). */
export const initInExt = struct('fuse_init_in (ext)', { flags2: u32, _unused: pad(44) })

export const initOut = struct('fuse_init_out', {
  major: u32,
  minor: u32,
  max_readahead: u32,
  flags: u32,
  max_background: u16,
  congestion_threshold: u16,
  max_write: u32,
  time_gran: u32,
  max_pages: u16,
  map_alignment: u16,
  flags2: u32,
  max_stack_depth: u32,
  request_timeout: u16,
  _unused: pad(22),
})

export const attr = struct('fuse_attr', {
  ino: u64,
  size: count,
  blocks: count,
  atime: i64,
  mtime: i64,
  ctime: i64,
  atimensec: u32,
  mtimensec: u32,
  ctimensec: u32,
  mode: u32,
  nlink: u32,
  uid: u32,
  gid: u32,
  rdev: u32,
  blksize: u32,
  flags: u32,
})

export const entryOut = struct('fuse_entry_out', {
  nodeid: count,
  generation: count,
  entry_valid: count,
  attr_valid: count,
  entry_valid_nsec: u32,
  attr_valid_nsec: u32,
  attr,
})

export const attrOut = struct('fuse_attr_out', {
  attr_valid: count,
  attr_valid_nsec: u32,
  _dummy: pad(4),
  attr,
})

export const openOut = struct('fuse_open_out', { fh: count, open_flags: u32, backing_id: i32 })

export const forgetIn = struct('fuse_forget_in', { nlookup: extent })
export const batchForgetIn = struct('fuse_batch_forget_in', { count: u32, _dummy: pad(4) })
export const forgetOne = struct('fuse_forget_one', { nodeid: count, nlookup: extent })

export const getattrIn = struct('fuse_getattr_in', { getattr_flags: u32, _dummy: pad(4), fh: u64 })

export const setattrIn = struct('fuse_setattr_in', {
  valid: u32,
  _padding: pad(4),
  fh: u64,
  size: extent,
  lock_owner: u64,
  atime: i64,
  mtime: i64,
  ctime: i64,
  atimensec: u32,
  mtimensec: u32,
  ctimensec: u32,
  mode: u32,
  _unused4: pad(4),
  uid: u32,
  gid: u32,
  _unused5: pad(4),
})

export const mknodIn = struct('fuse_mknod_in', { mode: u32, rdev: u32, umask: u32, _padding: pad(4) })
export const mkdirIn = struct('fuse_mkdir_in', { mode: u32, umask: u32 })
export const renameIn = struct('fuse_rename_in', { newdir: count })
export const rename2In = struct('fuse_rename2_in', { newdir: count, flags: u32, _padding: pad(4) })
export const linkIn = struct('fuse_link_in', { oldnodeid: count })
export const openIn = struct('fuse_open_in', { flags: u32, open_flags: u32 })
export const createIn = struct('fuse_create_in', { flags: u32, mode: u32, umask: u32, open_flags: u32 })
export const releaseIn = struct('fuse_release_in', {
  fh: count,
  flags: u32,
  release_flags: u32,
  lock_owner: u64,
})
export const flushIn = struct('fuse_flush_in', { fh: count, _unused: pad(8), lock_owner: u64 })
export const readIn = struct('fuse_read_in', {
  fh: count,
  offset: count,
  size: u32,
  read_flags: u32,
  lock_owner: u64,
  flags: u32,
  _padding: pad(4),
})
/** A directory's offset is whatever the file system made of it, all 64 bits: ext4 hashes names into it. */
export const readdirIn = struct('fuse_read_in (directory)', {
  fh: count,
  offset: u64,
  size: u32,
  read_flags: u32,
  lock_owner: u64,
  flags: u32,
  _padding: pad(4),
})
export const writeIn = struct('fuse_write_in', {
  fh: count,
  offset: count,
  size: u32,
  write_flags: u32,
  lock_owner: u64,
  flags: u32,
  _padding: pad(4),
})
export const writeOut = struct('fuse_write_out', { size: u32, _padding: pad(4) })

export const statfsOut = struct('fuse_kstatfs', {
  blocks: u64,
  bfree: u64,
  bavail: u64,
  files: u64,
  ffree: u64,
  bsize: u32,
  namelen: u32,
  frsize: u32,
  _padding: pad(28),
})

export const fsyncIn = struct('fuse_fsync_in', { fh: count, fsync_flags: u32, _padding: pad(4) })
/** Without SETXATTR_EXT the struct ends after `flags`. */
export const setxattrInCompat = struct('fuse_setxattr_in (compat)', { size: u32, flags: u32 })
export const setxattrIn = struct('fuse_setxattr_in', {
  size: u32,
  flags: u32,
  setxattr_flags: u32,
  _padding: pad(4),
})
export const getxattrIn = struct('fuse_getxattr_in', { size: u32, _padding: pad(4) })
export const getxattrOut = struct('fuse_getxattr_out', { size: u32, _padding: pad(4) })
export const accessIn = struct('fuse_access_in', { mask: u32, _padding: pad(4) })
export const interruptIn = struct('fuse_interrupt_in', { unique: u64 })
export const fallocateIn = struct('fuse_fallocate_in', {
  fh: count,
  offset: count,
  length: count,
  mode: u32,
  _padding: pad(4),
})
export const lseekIn = struct('fuse_lseek_in', { fh: count, offset: count, whence: u32, _padding: pad(4) })
export const lseekOut = struct('fuse_lseek_out', { offset: count })
export const copyFileRangeIn = struct('fuse_copy_file_range_in', {
  fh_in: count,
  off_in: count,
  nodeid_out: count,
  fh_out: count,
  off_out: count,
  len: extent,
  flags: u64,
})
export const copyFileRangeOut = struct('fuse_copy_file_range_out', { bytes_copied: count })
export const syncfsIn = struct('fuse_syncfs_in', { _padding: pad(8) })

export const fileLock = struct('fuse_file_lock', { start: u64, end: u64, type: u32, pid: u32 })
export const lkIn = struct('fuse_lk_in', {
  fh: count,
  owner: u64,
  lk: fileLock,
  lk_flags: u32,
  _padding: pad(4),
})
export const lkOut = struct('fuse_lk_out', { lk: fileLock })

const sxTime = struct('fuse_sx_time', { tv_sec: i64, tv_nsec: u32, _reserved: pad(4) })
export const statxIn = struct('fuse_statx_in', {
  getattr_flags: u32,
  _reserved: pad(4),
  fh: u64,
  sx_flags: u32,
  sx_mask: u32,
})
export const statx = struct('fuse_statx', {
  mask: u32,
  blksize: u32,
  attributes: u64,
  nlink: u32,
  uid: u32,
  gid: u32,
  mode: u16,
  _spare0: pad(2),
  ino: u64,
  size: count,
  blocks: count,
  attributes_mask: u64,
  atime: sxTime,
  btime: sxTime,
  ctime: sxTime,
  mtime: sxTime,
  rdev_major: u32,
  rdev_minor: u32,
  dev_major: u32,
  dev_minor: u32,
  _spare2: pad(112),
})
export const statxOut = struct('fuse_statx_out', {
  attr_valid: count,
  attr_valid_nsec: u32,
  flags: u32,
  _spare: pad(16),
  stat: statx,
})

export const dirent = struct('fuse_dirent', { ino: u64, off: u64, namelen: u32, type: u32 })

export const notifyInvalInode = struct('fuse_notify_inval_inode_out', { ino: count, off: i64, len: i64 })
export const notifyInvalEntry = struct('fuse_notify_inval_entry_out', {
  parent: count,
  namelen: u32,
  flags: u32,
})

export const backingMap = struct('fuse_backing_map', { fd: i32, flags: u32, _padding: pad(8) })
