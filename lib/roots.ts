/**
 * Which directories may be what: adopted roots, the state directory and mount points of ours are disjoint, so
 * that no door ever shows our own records, and no mount shows itself without end. Disks may nest.
 */
import { accessSync, constants, lstatSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import type { Disk } from './disk.ts'
import { Fault } from './errors.ts'
import { errnoName, errnoOf } from './sys/errno.ts'

/** The directories of the daemon itself, canonical and absolute. */
export interface Places {
  readonly state: string
  /** Holds the mount points of disks that name none; it may lie in the state directory. */
  readonly mounts: string
}

export const contains = (outer: string, inner: string): boolean =>
  inner === outer || inner.startsWith(outer === '/' ? '/' : `${outer}/`)

export const overlap = (a: string, b: string): boolean => contains(a, b) || contains(b, a)

/** The canonical path of a directory. Throws NotADirectory, which says what is there instead and what to do. */
export function canonicalDirectory(path: string): string {
  const refuse = (why: string) => new Fault('NotADirectory', why)
  if (!path.startsWith('/')) throw refuse(`${path} is not an absolute path`)
  try {
    const canonical = realpathSync(path)
    if (statSync(canonical).isDirectory()) return canonical
  } catch (thrown) {
    const code = errnoName(errnoOf(thrown))
    if (code === 'ENOENT' && isThere(path))
      throw refuse(`${path} is a symbolic link that leads nowhere: mend it, or name another directory`)
    if (code === 'ENOENT')
      throw refuse(`there is no directory ${path}: make it first, or check how it is spelt`)
    if (code === 'ENOTDIR') throw refuse(`${path} leads through a file: check how it is spelt`)
    if (code === 'EACCES')
      throw refuse(`${path} can't be reached as ${user()}: let that user search the directories on the way`)
    throw refuse(`${path} can't be reached (${code})`)
  }
  throw refuse(`${path} is a file; a disk needs a directory, such as ${dirname(path)}`)
}

/** Throws AccessDenied unless this process may list the directory `path`, canonical, and open what is in it. */
export function requireReadable(path: string): void {
  try {
    accessSync(path, constants.R_OK | constants.X_OK)
  } catch {
    throw new Fault(
      'AccessDenied',
      `${path} can't be read as ${user()}: give that user read and search permission there (chmod, setfacl)`,
    )
  }
}

const user = (): string => `user ${process.geteuid?.() ?? '?'}`

function isThere(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink()
  } catch {
    return false
  }
}

/**
 * The canonical path of a directory that may not exist yet, or whose mount is dead: of its nearest ancestor
 * that answers, with the rest behind it.
 */
export function canonicalPlace(path: string): string {
  const whole = resolve(path)
  for (let rest = '', at = whole; ; rest = join(basename(at), rest), at = dirname(at)) {
    try {
      return join(realpathSync(at), rest)
    } catch (thrown) {
      if (at === '/') throw thrown
    }
  }
}

/** Why `root`, canonical, can't be an adopted disk's, or undefined. `except` is the disk that it is asked for. */
export function rootConflict(
  root: string,
  places: Places,
  disks: Iterable<Disk>,
  except?: Disk,
): string | undefined {
  const say = (what: string, other: string) =>
    `${root} ${root === other ? 'is' : contains(root, other) ? 'contains' : 'lies in'} ${what}` +
    (root === other ? '' : ` ${other}`)
  if (overlap(root, places.state)) return say("twofold's own state directory", places.state)
  for (const disk of disks) {
    const name = disk.alias ?? disk.id
    if (disk.mountpoint !== null && overlap(root, disk.mountpoint)) {
      return say(`the mount point of disk "${name}"`, disk.mountpoint)
    }
    if (disk.id !== except?.id && disk.root === root) return `${root} is disk "${name}" already`
  }
  return undefined
}

/** Why `mountpoint`, canonical, can't be where `disk` is mounted, or undefined. */
export function mountpointConflict(
  mountpoint: string,
  disk: Disk,
  places: Places,
  disks: Iterable<Disk>,
): string | undefined {
  const inMounts = mountpoint !== places.mounts && contains(places.mounts, mountpoint)
  if (!inMounts && overlap(mountpoint, places.state)) {
    return `${mountpoint} overlaps twofold's own state directory ${places.state}`
  }
  for (const other of disks) {
    const name = other.alias ?? other.id
    if (overlap(mountpoint, other.root))
      return `${mountpoint} overlaps the root ${other.root} of disk "${name}"`
    if (other.id !== disk.id && other.mountpoint !== null && overlap(mountpoint, other.mountpoint)) {
      return `${mountpoint} overlaps the mount point ${other.mountpoint} of disk "${name}"`
    }
  }
  return undefined
}
