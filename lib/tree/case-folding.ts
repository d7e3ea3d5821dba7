/**
 * Where the kernel finds `A` by `a`. As keys the two differ, so a name found there is looked for in its directory, in
 * just these bytes.
 */
import { getdents64, rewind } from '../sys/directory.ts'
import { FS, foldsCase as hasFoldingFlag } from '../sys/filesystem.ts'
import { AT_SYMLINK_NOFOLLOW, close, O, openat2 } from '../sys/open.ts'
import { modeAt } from '../sys/stat.ts'
import { fstatfs } from '../sys/statfs.ts'

const foldingTypes = new Set<number>([FS.CIFS, FS.SMB2, FS.MSDOS, FS.EXFAT, FS.NTFS3, FS.HFSPLUS])
const buffer = Buffer.alloc(64 * 1024)
/** Names that a directory is asked by in another case; one answer is enough. */
const mostProbes = 32

/**
 * Whether the directory behind `fd` (O_PATH will do) takes names that differ in case for one: by its file system's
 * type, by its own flag, or because one of its names answers in another case.
 */
export function foldsCase(fd: number): boolean {
  const fileSystem = fstatfs(fd)
  if (typeof fileSystem !== 'number' && foldingTypes.has(fileSystem.type)) return true
  const directory = openat2(fd, '.', O.RDONLY | O.DIRECTORY)
  if (directory < 0) return false
  try {
    return hasFoldingFlag(directory) || answersInOtherCase(directory)
  } finally {
    close(directory)
  }
}

function answersInOtherCase(directory: number): boolean {
  const names: string[] = []
  const filled = getdents64(directory, buffer)
  eachName(filled, (name) => void names.push(name.toString()))
  const all = new Set(names)
  for (const name of names.filter((text) => /[a-z]/i.test(text)).slice(0, mostProbes)) {
    const other = name.replace(/[a-z]/gi, (letter) => String.fromCharCode(letter.charCodeAt(0) ^ 0x20))
    if (all.has(other) || modeAt(directory, other, AT_SYMLINK_NOFOLLOW) < 0) continue
    // On FUSE the two may have different inodes.
    return !holds(directory, other)
  }
  return false
}

/** Whether the directory behind `fd` (O_PATH will do) holds `name` in just these bytes. Reads it through. */
export function holdsName(fd: number, name: string): boolean {
  const directory = openat2(fd, '.', O.RDONLY | O.DIRECTORY)
  if (directory < 0) return false
  const held = holds(directory, name)
  close(directory)
  return held
}

function holds(directory: number, name: string): boolean {
  const wanted = Buffer.from(name)
  rewind(directory)
  for (;;) {
    const filled = getdents64(directory, buffer)
    if (filled <= 0) return false
    let found = false
    eachName(filled, (held) => (found ||= held.equals(wanted)))
    if (found) return true
  }
}

/** What is handed on is only good until the next system call. */
function eachName(filled: number, take: (name: Buffer) => void): void {
  for (let at = 0; at < filled; at += buffer.readUInt16LE(at + 16)) {
    take(buffer.subarray(at + 19, buffer.indexOf(0, at + 19)))
  }
}
