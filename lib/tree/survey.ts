/**
 * What a directory's file system offers to a disk, tried out. Nothing visible is written: trials are made on
 * files that never get a name.
 */
import { closeSync, openSync, readdirSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { foldsCase, FS, remoteTypes } from '../sys/filesystem.ts'
import { AT_FDCWD, O, openat2 } from '../sys/open.ts'
import { ficlone } from '../sys/reflink.ts'
import { fstatfs } from '../sys/statfs.ts'
import { fsetxattr } from '../sys/xattr.ts'

export interface Survey {
  /** `ext4`, or the number where the type has no name here. */
  readonly fileSystem: string
  /** Others may change it without our kernel hearing of it. */
  readonly remote: boolean
  readonly foldsCase: boolean
  /** 0 where it is offered, or minus the errno that said no. */
  readonly unnamedFiles: number
  /** As above; undefined where it could not be tried. */
  readonly attributes: number | undefined
  readonly reflink: number | undefined
}

const typeNames = new Map<number, string>(
  Object.entries(FS).map(([name, number]) => [number, name.toLowerCase()]),
)

/** Throws Node's error where the directory can't be opened. */
export function surveyDirectory(directory: string): Survey {
  const fd = openSync(directory, O.RDONLY | O.DIRECTORY)
  try {
    const found = fstatfs(fd)
    const type = typeof found === 'number' ? 0 : found.type
    return {
      fileSystem: typeNames.get(type) ?? `type 0x${type.toString(16)}`,
      remote: remoteTypes.has(type),
      foldsCase: foldsCase(fd) || foldsCaseByTrial(directory),
      ...tryUnnamedFiles(directory),
    }
  } finally {
    closeSync(fd)
  }
}

function tryUnnamedFiles(directory: string): Pick<Survey, 'unnamedFiles' | 'attributes' | 'reflink'> {
  const first = openat2(AT_FDCWD, directory, O.RDWR | O.TMPFILE, 0, 0o600)
  if (first < 0) return { unnamedFiles: first, attributes: undefined, reflink: undefined }
  const second = openat2(AT_FDCWD, directory, O.RDWR | O.TMPFILE, 0, 0o600)
  try {
    writeSync(first, Buffer.alloc(4096, 1))
    return {
      unnamedFiles: 0,
      attributes: fsetxattr(first, 'user.twofold', Buffer.from('x'), 1, 0),
      reflink: second < 0 ? second : ficlone(second, first),
    }
  } finally {
    closeSync(first)
    if (second >= 0) closeSync(second)
  }
}

/** Asks for names of the directory in the other case. */
function foldsCaseByTrial(directory: string): boolean {
  return readdirSync(directory)
    .slice(0, 1000)
    .some((name) => {
      const other = name === name.toUpperCase() ? name.toLowerCase() : name.toUpperCase()
      return other !== name && sameFile(join(directory, name), join(directory, other))
    })
}

function sameFile(a: string, b: string): boolean {
  try {
    const [one, other] = [statSync(a, { bigint: true }), statSync(b, { bigint: true })]
    // With more than one link both spellings may exist, and then nothing is folded.
    return one.ino === other.ino && one.dev === other.dev && one.nlink === 1n
  } catch {
    return false
  }
}
