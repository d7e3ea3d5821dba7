/**
 * What of a tree the mount shows and S3 doesn't: names that can't be keys, what is neither file nor directory,
 * links that aren't followed. Symbolic links are judged by the very function that a GET goes by.
 */
import { isUtf8 } from 'node:buffer'
import { closeSync, opendirSync, statSync, type Dir, type Dirent } from 'node:fs'
import type { Disk } from '../disk.ts'
import { errno, errnoOf } from '../sys/errno.ts'
import { maxKeyBytes, parseKey, reservedName } from './path.ts'
import { resolve } from './resolve.ts'
import { Root } from './root.ts'

/**
 * - `foreign`: the name is not UTF-8; what lies beneath such a directory isn't counted
 * - `long`: the path is longer than a key may be; nor is what lies beneath
 * - `special`: a FIFO, a socket or a device, or a link to one
 * - `dangling`: a symbolic link that leads nowhere, or in circles
 * - `outward`: a symbolic link that leads out of the disk; `unfollowed`: one that the disk says not to follow
 * - `unread`: a directory, or a link's target, that this process may not read
 */
export const unseenKinds = [
  'foreign',
  'long',
  'special',
  'dangling',
  'outward',
  'unfollowed',
  'unread',
] as const
export type UnseenKind = (typeof unseenKinds)[number]

export interface Unseen {
  readonly count: number
  /** The first few, absolute. */
  readonly examples: readonly Uint8Array[]
}

export interface UnseenSurvey {
  /** Entries looked at. */
  readonly seen: number
  /** False when it gave up at `mostEntries`. */
  readonly complete: boolean
  /** What was found of each kind; kinds of which there is nothing are left out. */
  readonly unseen: ReadonlyMap<UnseenKind, Unseen>
}

const mostEntries = 2_000_000
const mostExamples = 3
const slash = Buffer.from('/')

/**
 * Looks through `disk`, on one file system; `progress` hears of every ten thousandth entry. Throws DiskOffline, or
 * Node's error where the root can't be listed.
 */
export function surveyUnseen(disk: Disk, progress: (entries: number) => void): UnseenSurvey {
  const root = Root.open(disk)
  try {
    return new Survey(root).run(progress)
  } finally {
    root.close()
  }
}

class Survey {
  readonly #root: Root
  readonly #top: Buffer
  readonly #unseen = new Map<UnseenKind, { count: number; examples: Uint8Array[] }>()

  constructor(root: Root) {
    this.#root = root
    this.#top = Buffer.from(root.disk.root === '/' ? '' : root.disk.root)
  }

  run(progress: (entries: number) => void): UnseenSurvey {
    const device = statSync(this.#root.disk.root).dev
    const waiting: Buffer[] = [Buffer.alloc(0)]
    let seen = 0
    for (let next = waiting.pop(); next !== undefined && seen < mostEntries; next = waiting.pop()) {
      const path = this.#absolute(next)
      let opened: Dir
      try {
        if (statSync(path).dev !== device) continue
        // Each byte of a name is a character of it then.
        opened = opendirSync(path, { encoding: 'latin1' })
      } catch (error) {
        if (next.length === 0) throw error
        if (errnoOf(error) !== errno.ENOENT) this.#note('unread', next)
        continue
      }
      try {
        for (let entry = opened.readSync(); entry !== null; entry = opened.readSync()) {
          if (entry.name === reservedName) continue
          if (++seen % 10_000 === 0) progress(seen)
          const name = Buffer.from(entry.name, 'latin1')
          const below = next.length === 0 ? name : Buffer.concat([next, slash, name])
          const kind = this.#kindOf(entry, name, below)
          if (kind !== undefined) this.#note(kind, below)
          else if (entry.isDirectory()) waiting.push(below)
        }
      } finally {
        opened.closeSync()
      }
    }
    return { seen, complete: seen < mostEntries, unseen: this.#unseen }
  }

  #kindOf(entry: Dirent, name: Buffer, below: Buffer): UnseenKind | undefined {
    if (!isUtf8(name)) return 'foreign'
    if (below.length + (entry.isDirectory() ? 1 : 0) > maxKeyBytes) return 'long'
    if (entry.isSymbolicLink()) return this.#kindOfLink(below)
    return entry.isFile() || entry.isDirectory() ? undefined : 'special'
  }

  #kindOfLink(below: Buffer): UnseenKind | undefined {
    for (const text of [below.toString(), `${below.toString()}/`]) {
      const key = parseKey(text)
      const found = key === undefined ? 'NoSuchKey' : resolve(this.#root, key)
      if (typeof found !== 'string') {
        closeSync(found.fd)
        return undefined
      }
      if (found === 'AccessDenied') return 'unread'
    }
    try {
      const target = statSync(this.#absolute(below))
      if (!target.isFile() && !target.isDirectory()) return 'special'
      return this.#root.settings.symlinks === 'deny' ? 'unfollowed' : 'outward'
    } catch (error) {
      return errnoOf(error) === errno.EACCES ? 'unread' : 'dangling'
    }
  }

  #absolute(below: Buffer): Buffer {
    return Buffer.concat([this.#top, slash, below])
  }

  #note(kind: UnseenKind, below: Buffer): void {
    const noted = this.#unseen.get(kind) ?? { count: 0, examples: [] }
    this.#unseen.set(kind, noted)
    noted.count++
    if (noted.examples.length < mostExamples) noted.examples.push(this.#absolute(below))
  }
}
