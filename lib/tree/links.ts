/**
 * The walk of a key by component, for keys that meet symbolic links. Each component is opened O_PATH and
 * O_NOFOLLOW beneath the descriptor of the one before, links are read from their own descriptor, and `..` in
 * a link's target goes back along the descriptors that led here: nothing is ever looked up by a path that
 * could have changed meanwhile, and nothing above the root has a descriptor to go back to. Where the disk follows
 * links out, they may lead into its root and the directories that it names, and nowhere else.
 *
 * A link to a directory counts towards the disk's `symlinkDepth`, and one that leads back to a directory that
 * the key has passed or that holds the link is not entered.
 */
import { isRefusedByDomain } from '../sys/access.ts'
import { errno } from '../sys/errno.ts'
import { cstring, type CPath } from '../sys/libc.ts'
import { AT_FDCWD, close, O, openat2, readlinkat, RESOLVE } from '../sys/open.ts'
import { isDirectory, isFile, isSymlink, statFd, type Stat } from '../sys/stat.ts'
import { holdsName } from './case-folding.ts'
import { segments, type Key } from './path.ts'
import { isReservedIn } from './reserved-name.ts'
import type { Root } from './root.ts'

/** As the kernel's own limit (linux/namei.h: MAXSYMLINKS). */
const maxLinks = 40
const attempts = 16

/** A readable descriptor of the file or directory that `key` names, or minus the errno. */
export function openThroughLinks(root: Root, key: Key): number {
  let isRefused = false
  for (let attempt = 0; attempt < attempts; attempt++) {
    const walk = new Walk(root)
    try {
      const failed = walk.to(segments(key))
      const fd = failed === 0 ? walk.open() : failed
      if (fd !== -errno.EAGAIN) return fd
      isRefused = walk.isRefused
    } finally {
      walk.close()
    }
  }
  // What a race moved out of the root is gone at the next look. This is there, where links of the disk may lead.
  if (!isRefused) return -errno.EAGAIN
  root.isRefused()
  return -errno.ENODEV
}

/** What `key` names, unopened, or minus the errno. */
export function statThroughLinks(root: Root, key: Key): Stat | number {
  const walk = new Walk(root)
  try {
    const failed = walk.to(segments(key))
    return failed === 0 ? walk.stat : failed
  } finally {
    walk.close()
  }
}

interface Place {
  readonly fd: number
  readonly stat: Stat
  /** The root's own descriptor, which isn't ours to close. */
  readonly borrowed?: true
}

/** What opens a file again, for reading. */
interface Reopen {
  readonly from: number
  readonly name: CPath
  /** Of RESOLVE. */
  readonly resolve: number
}

class Walk {
  readonly #root: Root
  /** Where links may lead, by names from `/` on; latin1. */
  readonly #grounds: readonly Ground[]
  /** The ground that we are on. */
  #ground: Ground
  /**
   * The directories from the ground to where we are, links resolved; empty while a link's target has not reached a
   * ground, when `#above` has the names that lead to where we would be.
   */
  readonly #stack: Place[]
  #above: string[] = []
  /** The directories that the key's own segments named. */
  readonly #trail: Stat[]
  /** The file that the last segment named; undefined while we are at a directory. */
  #leaf: (Place & { readonly reopen: Reopen }) | undefined
  #links = 0
  #directoryLinks = 0
  /** The process's domain kept from us where the walk ended. */
  isRefused = false

  constructor(root: Root) {
    this.#root = root
    const { fd, stat } = root
    const { mountpoint } = root.disk
    this.#ground = groundOf(root.disk.root, false)
    this.#grounds = [
      this.#ground,
      // What the mount shows there is the root itself.
      ...(mountpoint === null ? [] : [groundOf(mountpoint, false)]),
      ...(root.settings.symlinks === 'follow'
        ? root.settings.followInto.map((path) => groundOf(path, true))
        : []),
    ]
    this.#stack = stat === undefined ? [] : [{ fd, stat, borrowed: true }]
    this.#trail = stat === undefined ? [] : [stat]
  }

  /** Walks the key's segments: 0, or minus the errno. */
  to(names: readonly string[]): number {
    if (this.#stack.length === 0) return -errno.EBADF
    for (const name of names) {
      const before = [...this.#trail, ...this.#stack.map(({ stat }) => stat)]
      const links = this.#links
      const failed = this.#step(name)
      if (failed < 0) return failed
      if (this.#leaf !== undefined) continue
      const { stat } = this.#here()
      if (this.#links !== links) {
        if (++this.#directoryLinks > this.#root.settings.symlinkDepth) return -errno.ELOOP
        if (before.some(({ dev, ino }) => dev === stat.dev && ino === stat.ino)) return -errno.ELOOP
      }
      this.#trail.push(stat)
    }
    return 0
  }

  get stat(): Stat {
    return (this.#leaf ?? this.#here()).stat
  }

  /** Opens where the walk ended; EAGAIN when another file has taken the name since. */
  open(): number {
    const leaf = this.#leaf
    if (leaf === undefined) {
      const { fd: here } = this.#here()
      return this.#readable(openat2(here, '.', O.RDONLY | O.DIRECTORY), here)
    }
    const { stat: wanted, reopen } = leaf
    if (!isFile(wanted)) return -errno.ENXIO
    const fd = openat2(reopen.from, reopen.name, O.RDONLY | O.NONBLOCK | O.NOCTTY, reopen.resolve)
    if (fd < 0)
      return fd === -errno.ENOENT || fd === -errno.ELOOP ? -errno.EAGAIN : this.#readable(fd, leaf.fd)
    const stat = statFd(fd)
    if (typeof stat !== 'number' && stat.ino === wanted.ino && stat.dev === wanted.dev) return fd
    close(fd)
    return -errno.EAGAIN
  }

  /** What opening `held` answered; EAGAIN where the process's domain is all that is in the way. */
  #readable(answer: number, held: number): number {
    this.isRefused = isRefusedByDomain(answer, held)
    return this.isRefused ? -errno.EAGAIN : answer
  }

  close(): void {
    this.#leave()
    while (this.#stack.length > 0) this.#pop()
  }

  #here(): Place {
    const place = this.#stack.at(-1)
    if (place === undefined) throw new RangeError('a walk has no place')
    return place
  }

  #pop(): void {
    const place = this.#stack.pop()
    if (place !== undefined && place.borrowed !== true) close(place.fd)
  }

  #leave(): void {
    if (this.#leaf !== undefined) close(this.#leaf.fd)
    this.#leaf = undefined
  }

  /** Goes on to `name` beneath where we are, through links: 0, or minus the errno. */
  #step(name: CPath): number {
    if (this.#leaf !== undefined) return -errno.ENOTDIR
    const { fd: from, stat: at } = this.#here()
    const text = typeof name === 'string' ? name : Buffer.from(name.subarray(0, -1)).toString()
    if (isReservedIn(from, text)) return -errno.ENOENT
    if (typeof name === 'string' && this.#root.foldsCaseIn(from, at) && !holdsName(from, name)) {
      return -errno.ENOENT
    }
    const resolve = RESOLVE.BENEATH | RESOLVE.NO_MAGICLINKS | this.#root.boundary
    const fd = openat2(from, name, O.PATH | O.NOFOLLOW, resolve)
    const stat = fd < 0 ? fd : statFd(fd)
    if (typeof stat === 'number' || !isSymlink(stat)) {
      return this.#arrive(fd, stat, { from, name, resolve: resolve | RESOLVE.NO_SYMLINKS })
    }
    const target = readlinkat(fd, '')
    close(fd)
    return typeof target === 'number' ? target : this.#follow(target.toString('latin1'))
  }

  /** Follows a link of the directory where we are to `target`, latin1. */
  #follow(target: string): number {
    if (this.#root.settings.symlinks === 'deny' || ++this.#links > maxLinks) return -errno.ELOOP
    if (target.startsWith('/')) {
      const failed = this.#rise([])
      if (failed < 0) return failed
    }
    for (const part of target.split('/')) {
      if ((part === '' || part === '.') && this.#leaf === undefined) continue
      const failed = this.#go(part)
      if (failed < 0) return failed
    }
    return this.#stack.length === 0 ? -errno.EXDEV : 0
  }

  /** Goes on by one part of a link's target. */
  #go(part: string): number {
    if (this.#leaf !== undefined) return -errno.ENOTDIR
    const isUp = part === '..'
    if (this.#stack.length === 0) return this.#rise(isUp ? this.#above.slice(0, -1) : [...this.#above, part])
    if (!isUp) return this.#step(cstring(Buffer.from(part, 'latin1')))
    if (this.#stack.length > 1) this.#pop()
    else
      return this.#root.settings.symlinks === 'follow'
        ? this.#rise(this.#ground.names.slice(0, -1))
        : -errno.EXDEV
    return 0
  }

  /**
   * Leaves the ground for where `names` lead, by which a ground must be within reach: 0 also when they have reached
   * one. Such names are real directories, links resolved, so that `..` leads back along them.
   */
  #rise(names: string[]): number {
    while (this.#stack.length > 0) this.#pop()
    this.#above = names
    const reached = this.#grounds.find((ground) => ground.names.join('/') === names.join('/'))
    if (reached !== undefined) return this.#land(reached)
    return this.#grounds.some((ground) => names.every((name, at) => ground.names[at] === name))
      ? 0
      : -errno.EXDEV
  }

  #land(ground: Ground): number {
    this.#ground = ground
    if (!ground.isForeign) {
      const { fd, stat } = this.#root
      if (stat === undefined) return -errno.EBADF
      this.#stack.push({ fd, stat, borrowed: true })
      return 0
    }
    const fd = openat2(
      AT_FDCWD,
      ground.path,
      O.PATH | O.DIRECTORY,
      RESOLVE.NO_MAGICLINKS | RESOLVE.NO_SYMLINKS,
    )
    return this.#arrive(fd, fd < 0 ? fd : statFd(fd), undefined)
  }

  /** `reopen`: how, should it be a file. */
  #arrive(fd: number, stat: Stat | number, reopen: Reopen | undefined): number {
    if (fd < 0) return fd
    if (typeof stat === 'number') {
      close(fd)
      return stat
    }
    if (this.#root.hides(stat)) {
      close(fd)
      return -errno.ENOENT
    }
    if (isDirectory(stat)) this.#stack.push({ fd, stat })
    else if (reopen !== undefined) this.#leaf = { fd, stat, reopen }
    else {
      close(fd)
      return -errno.ENOTDIR
    }
    return 0
  }
}

/** A directory that links may lead into. */
interface Ground {
  readonly path: string
  /** latin1, of one byte a character. */
  readonly names: readonly string[]
  /** Not the root itself. */
  readonly isForeign: boolean
}

const groundOf = (path: string, isForeign: boolean): Ground => ({
  path,
  names: Buffer.from(path)
    .toString('latin1')
    .split('/')
    .filter((name) => name !== ''),
  isForeign,
})
