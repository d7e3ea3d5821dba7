/**
 * The operations: number and name of linux/fuse.h, what the request holds, what the answer is, and what is
 * done. What has no row is answered with ENOSYS, and the kernel then does without it.
 */
import {
  COPY_FILE_RANGE,
  COPY_FILE_RANGE_64,
  FALLOCATE,
  FSYNC,
  FSYNCDIR,
  opcode,
  SETLKW,
  OPCODES,
  READ,
  SETATTR,
  SYNCFS,
  WRITE,
  type Opcode,
} from './opcode.ts'
import * as attributes from './operations/attributes.ts'
import * as data from './operations/data.ts'
import * as directories from './operations/directories.ts'
import * as files from './operations/files.ts'
import * as locks from './operations/locks.ts'
import * as names from './operations/names.ts'
import * as xattrs from './operations/xattrs.ts'
import * as layout from './protocol/structs.ts'

const { attrOut, entryOut, openOut, writeOut } = layout

const rows: readonly Opcode[] = [
  opcode(1, 'LOOKUP', null, 1, entryOut, names.lookup),
  opcode(2, 'FORGET', layout.forgetIn, 0, null, names.forget, false),
  opcode(3, 'GETATTR', layout.getattrIn, 0, attrOut, attributes.getattr),
  opcode(SETATTR, 'SETATTR', layout.setattrIn, 0, attrOut, attributes.setattr),
  opcode(5, 'READLINK', null, 0, null, names.readlink),
  opcode(6, 'SYMLINK', null, 2, entryOut, names.symlink),
  opcode(8, 'MKNOD', layout.mknodIn, 1, entryOut, names.mknod),
  opcode(9, 'MKDIR', layout.mkdirIn, 1, entryOut, names.mkdir),
  opcode(10, 'UNLINK', null, 1, null, names.unlink),
  opcode(11, 'RMDIR', null, 1, null, names.rmdir),
  opcode(12, 'RENAME', layout.renameIn, 2, null, names.rename),
  opcode(13, 'LINK', layout.linkIn, 1, entryOut, names.link),
  opcode(14, 'OPEN', layout.openIn, 0, openOut, files.open),
  opcode(READ, 'READ', layout.readIn, 0, null, data.read),
  opcode(WRITE, 'WRITE', layout.writeIn, 0, writeOut, data.write),
  opcode(17, 'STATFS', null, 0, layout.statfsOut, attributes.statfs),
  opcode(18, 'RELEASE', layout.releaseIn, 0, null, files.release),
  opcode(FSYNC, 'FSYNC', layout.fsyncIn, 0, null, data.fsync),
  opcode(21, 'SETXATTR', layout.setxattrIn, 1, null, xattrs.setxattr),
  opcode(22, 'GETXATTR', layout.getxattrIn, 1, null, xattrs.getxattr),
  opcode(23, 'LISTXATTR', layout.getxattrIn, 0, null, xattrs.listxattr),
  opcode(24, 'REMOVEXATTR', null, 1, null, xattrs.removexattr),
  opcode(25, 'FLUSH', layout.flushIn, 0, null, files.flush),
  opcode(27, 'OPENDIR', layout.openIn, 0, openOut, directories.opendir),
  opcode(28, 'READDIR', layout.readdirIn, 0, null, directories.readdir),
  opcode(29, 'RELEASEDIR', layout.releaseIn, 0, null, directories.releasedir),
  opcode(FSYNCDIR, 'FSYNCDIR', layout.fsyncIn, 0, null, data.fsyncdir),
  opcode(31, 'GETLK', layout.lkIn, 0, layout.lkOut, locks.getlk),
  opcode(32, 'SETLK', layout.lkIn, 0, null, locks.setlk),
  opcode(SETLKW, 'SETLKW', layout.lkIn, 0, null, locks.setlkw),
  opcode(34, 'ACCESS', layout.accessIn, 0, null, attributes.access),
  opcode(35, 'CREATE', layout.createIn, 1, entryOut, files.create),
  opcode(36, 'INTERRUPT', layout.interruptIn, 0, null, locks.interrupt, false),
  opcode(42, 'BATCH_FORGET', layout.batchForgetIn, 0, null, names.batchForget, false),
  opcode(FALLOCATE, 'FALLOCATE', layout.fallocateIn, 0, null, data.fallocate),
  opcode(44, 'READDIRPLUS', layout.readdirIn, 0, null, directories.readdirplus),
  opcode(45, 'RENAME2', layout.rename2In, 2, null, names.rename2),
  opcode(46, 'LSEEK', layout.lseekIn, 0, layout.lseekOut, data.lseek),
  opcode(COPY_FILE_RANGE, 'COPY_FILE_RANGE', layout.copyFileRangeIn, 0, writeOut, data.copyFileRange),
  opcode(SYNCFS, 'SYNCFS', layout.syncfsIn, 0, null, data.syncfs),
  opcode(51, 'TMPFILE', layout.createIn, 1, entryOut, files.tmpfile),
  opcode(52, 'STATX', layout.statxIn, 0, layout.statxOut, attributes.statx),
  opcode(
    COPY_FILE_RANGE_64,
    'COPY_FILE_RANGE_64',
    layout.copyFileRangeIn,
    0,
    layout.copyFileRangeOut,
    data.copyFileRange64,
  ),
]

/** The header's numbers of what has no row, for the trace. */
const without: Readonly<Record<number, string>> = {
  26: 'INIT',
  37: 'BMAP',
  38: 'DESTROY',
  39: 'IOCTL',
  40: 'POLL',
  41: 'NOTIFY_REPLY',
  48: 'SETUPMAPPING',
  49: 'REMOVEMAPPING',
}

/** By number; undefined where there is none. */
export const opcodes: readonly (Opcode | undefined)[] = Array.from({ length: OPCODES }, (_, number) =>
  rows.find((row) => row.number === number),
)

export const opcodeName = (number: number): string =>
  opcodes[number]?.name ?? without[number] ?? `opcode ${number}`
