/**
 * `.twofold` however a file system that folds case spells it: ext4 folds all of Unicode and drops what is ignorable,
 * vfat and its kin drop dots and blanks at the end and give a second, short name. What is taken for it here is more
 * than any of them takes, and counts in directories that fold case alone.
 */
import { foldsCase } from './case-folding.ts'
import { reservedName } from './path.ts'

/**
 * Whether a name that begins with `code`, a byte or a unit of UTF-16, need be looked at: it is a dot, a letter that a
 * short name begins with, or what may fold to a dot or to nothing.
 */
export const mayBeginReserved = (code: number): boolean =>
  code === 0x2e || code === 0x74 || code === 0x54 || code >= 0x80

/** Whether a directory that folds case may find `.twofold` by `name`. */
function resembles(name: string): boolean {
  if (!mayBeginReserved(name.charCodeAt(0))) return false
  const isAscii = /^[\0-\x7f]*$/.test(name)
  const folded = (
    isAscii ? name : name.normalize('NFKD').replace(/\p{Default_Ignorable_Code_Point}/gu, '')
  ).toLowerCase()
  // NTFS has streams behind a colon.
  const [file = ''] = folded.split(':')
  return file.replace(/[. ]+$/, '') === reservedName || /^tw[0-9a-z]{0,6}~[0-9a-z]{1,3}$/.test(folded)
}

/** Whether `name` stands for `.twofold` in the directory behind `fd` (O_PATH will do). */
export const isReservedIn = (fd: number, name: string): boolean =>
  name === reservedName || (resembles(name) && foldsCase(fd))

/** Whether a name that `path` is made of might stand for `.twofold` in some directory. */
export const mayNameReserved = (path: string): boolean =>
  /(?:^|\/)(?:\.|[tT][^/]*~|[^\0-\x7f])/.test(path) && path.split('/').some(resembles)
