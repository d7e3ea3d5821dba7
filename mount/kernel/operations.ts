/**
 * The table of operations: what the request holds, what the answer is, and what is done. What has no row is answered
 * with ENOSYS, and the kernel then does without it.
 */
import type { Exchange } from './exchange.ts'
import * as attributes from './operations/attributes.ts'
import * as data from './operations/data.ts'
import * as directories from './operations/directories.ts'
import * as files from './operations/files.ts'
import * as locks from './operations/locks.ts'
import * as names from './operations/names.ts'
import * as xattrs from './operations/xattrs.ts'
import { OPCODE, OPCODES, type OpcodeName } from './protocol/opcode-numbers.ts'
import * as layout from './protocol/structs.ts'
import type { Struct } from './protocol/wire.ts'

/** The length of an answer, or minus the errno. Throws Malformed. */
export type Handler = (x: Exchange) => number

export interface Operation {
  readonly name: OpcodeName
  /** The struct that the arguments begin with, and how many strings follow it. */
  readonly arguments: Struct<unknown> | null
  readonly strings: 0 | 1 | 2
  /** The struct of the answer, for the trace; null: none, or bytes. */
  readonly answer: Struct<unknown> | null
  /** FORGET, BATCH_FORGET and INTERRUPT are not answered. */
  readonly replies: boolean
  readonly run: Handler
}

type Layout = Struct<never> | Struct<unknown> | null

const operation = (
  name: OpcodeName,
  request: Layout,
  strings: 0 | 1 | 2,
  answer: Layout,
  run: Handler,
  replies = true,
): Operation => ({
  name,
  arguments: request as Struct<unknown> | null,
  strings,
  answer: answer as Struct<unknown> | null,
  replies,
  run,
})

const { attrOut, entryOut, openOut, writeOut } = layout
const { copyFileRangeIn, copyFileRangeOut } = layout

const rows: readonly Operation[] = [
  operation('LOOKUP', null, 1, entryOut, names.lookup),
  operation('FORGET', layout.forgetIn, 0, null, names.forget, false),
  operation('GETATTR', layout.getattrIn, 0, attrOut, attributes.getattr),
  operation('SETATTR', layout.setattrIn, 0, attrOut, attributes.setattr),
  operation('READLINK', null, 0, null, names.readlink),
  operation('SYMLINK', null, 2, entryOut, names.symlink),
  operation('MKNOD', layout.mknodIn, 1, entryOut, names.mknod),
  operation('MKDIR', layout.mkdirIn, 1, entryOut, names.mkdir),
  operation('UNLINK', null, 1, null, names.unlink),
  operation('RMDIR', null, 1, null, names.rmdir),
  operation('RENAME', layout.renameIn, 2, null, names.rename),
  operation('LINK', layout.linkIn, 1, entryOut, names.link),
  operation('OPEN', layout.openIn, 0, openOut, files.open),
  operation('READ', layout.readIn, 0, null, data.read),
  operation('WRITE', layout.writeIn, 0, writeOut, data.write),
  operation('STATFS', null, 0, layout.statfsOut, attributes.statfs),
  operation('RELEASE', layout.releaseIn, 0, null, files.release),
  operation('FSYNC', layout.fsyncIn, 0, null, data.fsync),
  operation('SETXATTR', layout.setxattrIn, 1, null, xattrs.setxattr),
  operation('GETXATTR', layout.getxattrIn, 1, null, xattrs.getxattr),
  operation('LISTXATTR', layout.getxattrIn, 0, null, xattrs.listxattr),
  operation('REMOVEXATTR', null, 1, null, xattrs.removexattr),
  operation('FLUSH', layout.flushIn, 0, null, files.flush),
  operation('OPENDIR', layout.openIn, 0, openOut, directories.opendir),
  operation('READDIR', layout.readdirIn, 0, null, directories.readdir),
  operation('RELEASEDIR', layout.releaseIn, 0, null, directories.releasedir),
  operation('FSYNCDIR', layout.fsyncIn, 0, null, data.fsyncdir),
  operation('GETLK', layout.lkIn, 0, layout.lkOut, locks.getlk),
  operation('SETLK', layout.lkIn, 0, null, locks.setlk),
  operation('SETLKW', layout.lkIn, 0, null, locks.setlkw),
  operation('ACCESS', layout.accessIn, 0, null, attributes.access),
  operation('CREATE', layout.createIn, 1, entryOut, files.create),
  operation('INTERRUPT', layout.interruptIn, 0, null, locks.interrupt, false),
  operation('BATCH_FORGET', layout.batchForgetIn, 0, null, names.batchForget, false),
  operation('FALLOCATE', layout.fallocateIn, 0, null, data.fallocate),
  operation('READDIRPLUS', layout.readdirIn, 0, null, directories.readdirplus),
  operation('RENAME2', layout.rename2In, 2, null, names.rename2),
  operation('LSEEK', layout.lseekIn, 0, layout.lseekOut, data.lseek),
  operation('COPY_FILE_RANGE', copyFileRangeIn, 0, writeOut, data.copyFileRange),
  operation('SYNCFS', layout.syncfsIn, 0, null, data.syncfs),
  operation('TMPFILE', layout.createIn, 1, entryOut, files.tmpfile),
  operation('STATX', layout.statxIn, 0, layout.statxOut, attributes.statx),
  operation('COPY_FILE_RANGE_64', copyFileRangeIn, 0, copyFileRangeOut, data.copyFileRange64),
]

/** By opcode; undefined where there is none. */
export const operations: readonly (Operation | undefined)[] = Array.from({ length: OPCODES }, (_, number) =>
  rows.find((row) => OPCODE[row.name] === number),
)
