/**
 * What a directory shows, in the order of keys, each with what stat says of it now. A link is where the names can't
 * settle the order: as a file `a` comes before `a.txt`, as a directory `a/` after it. So a link is resolved where its
 * plain name stands, and a directory found there waits for its turn.
 */
import { AT_SYMLINK_NOFOLLOW, close, O, openat2, RESOLVE } from '../sys/open.ts'
import { isDirectory, isFile, isSymlink, statAt, statFd, type Stat } from '../sys/stat.ts'
import { statThroughLinks } from './links.ts'
import { Cursor, type Names } from './names.ts'
import { compareKeys, maxKeyBytes, type Key } from './path.ts'
import { isReservedIn } from './reserved-name.ts'
import type { Root } from './root.ts'

export interface Child {
  /** With a slash behind a directory's. */
  readonly name: string
  readonly stat: Stat
}

/** An open directory of the tree. */
export interface Directory {
  /** Its own key, or '' for the root. */
  readonly key: Key | ''
  readonly fd: number
  readonly stat: Stat
}

export class Children {
  readonly #root: Root
  readonly #key: Key | ''
  readonly #names: Names
  readonly #cursor: Cursor
  /** Directories behind links, before whose place in the order the cursor still is. */
  readonly #waiting: Child[] = []
  readonly #from: string
  readonly #room: number
  /** A child that was met while others waited. */
  #next: Child | undefined

  /** `from`: the first name to come, or what would come before it. `key`: the directory's own. */
  constructor(root: Root, key: Key | '', names: Names, from: string) {
    this.#root = root
    this.#key = key
    this.#names = names
    this.#from = from
    this.#room = maxKeyBytes - Buffer.byteLength(key)
    this.#cursor = new Cursor(names, from)
    this.#findWaiting()
  }

  /**
   * The next child; undefined when there is none, `busy` when it took more than a moment to look for it. `directory`
   * is this very directory, opened.
   */
  next(directory: Directory): Child | 'busy' | undefined {
    for (let tries = 0; ; tries++) {
      if (this.#next === undefined) {
        if (tries === 256) return 'busy'
        if (this.#cursor.next()) {
          this.#next = this.#look(directory)
          if (this.#next === undefined) continue
        }
      }
      const [waiting] = this.#waiting
      const met = this.#next
      if (waiting !== undefined && (met === undefined || compareKeys(waiting.name, met.name) < 0)) {
        this.#waiting.shift()
        return waiting
      }
      this.#next = undefined
      return met
    }
  }

  /** Directories behind links whose plain names come before `from` and whose names with a slash don't. */
  #findWaiting(): void {
    const from = Buffer.from(this.#from).toString('latin1')
    for (let length = 1; length < from.length; length++) {
      const name = from.slice(0, length)
      if (`${name}/` < from || this.#names.kind(name) !== 'link') continue
      this.#lookBehindLink(Buffer.from(name, 'latin1').toString())
    }
  }

  /** The child at the cursor; undefined for what isn't shown, or has to wait. */
  #look(directory: Directory): Child | undefined {
    const { name, kind } = this.#cursor
    if (name.length * 3 > this.#room && Buffer.byteLength(name) > this.#room) return undefined
    if (kind === 'link') return this.#lookBehindLink(name)
    const plain = kind === 'directory' ? name.slice(0, -1) : name
    if (isReservedIn(directory.fd, plain)) return undefined
    const stat = this.#root.isGuarded
      ? statHere(directory.fd, plain)
      : statAt(directory.fd, plain, AT_SYMLINK_NOFOLLOW)
    if (typeof stat === 'number') return undefined
    if (this.#root.hides(stat)) return undefined
    // What is mounted here can't be opened by its key either, unless the disk crosses.
    if (stat.mntId !== directory.stat.mntId && this.#root.boundary !== 0) return undefined
    if (kind === 'directory') return isDirectory(stat) ? { name, stat } : undefined
    if (isFile(stat)) return { name, stat }
    if (isDirectory(stat)) this.#wait({ name: `${name}/`, stat })
    return isSymlink(stat) ? this.#lookBehindLink(name) : undefined
  }

  #lookBehindLink(name: string): Child | undefined {
    if (this.#root.settings.symlinks === 'deny') return undefined
    const stat = statThroughLinks(this.#root, `${this.#key}${name}` as Key)
    if (typeof stat === 'number') return undefined
    if (isFile(stat)) return { name, stat }
    if (isDirectory(stat) && Buffer.byteLength(name) < this.#room) this.#wait({ name: `${name}/`, stat })
    return undefined
  }

  #wait(child: Child): void {
    const at = this.#waiting.findIndex(({ name }) => compareKeys(child.name, name) < 0)
    this.#waiting.splice(at < 0 ? this.#waiting.length : at, 0, child)
  }
}

/** As statAt, but EXDEV where something is mounted on `name`, which isn't asked. */
function statHere(dirfd: number, name: string): Stat | number {
  const fd = openat2(dirfd, name, O.PATH | O.NOFOLLOW, RESOLVE.NO_XDEV | RESOLVE.BENEATH)
  if (fd < 0) return fd
  const stat = statFd(fd)
  close(fd)
  return stat
}
