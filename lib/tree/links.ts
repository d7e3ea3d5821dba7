/**
 * The walk of a key by component, for keys that meet symbolic links. Each component is opened O_PATH and
 * O_NOFOLLOW beneath the descriptor of the one before, links are read from their own descriptor, and `..` in
 * a link's target goes back along the descriptors that led here: nothing is ever looked up by a path that
 * could have changed meanwhile, and nothing above the root has a descriptor to go back to.
 *
 * A link to a directory counts towards the disk's `symlinkDepth`, and one that leads back to a directory that
 * the key has passed or that holds the link is not entered.
 */
import { isRefusedByDomain } from '../sys/access.ts'
import { errno } from '../sys/errno.ts'
import { cstring, type CPath } from '../sys/libc.ts'
import { close, O, openat2, readlinkat, RESOLVE } from '../sys/open.ts'
import { isDirectory, isFile, isSymlink, statFd, type Stat } from '../sys/stat.ts'
import { holdsName } from './case-folding.ts'
import { segments, type Key } from './path.ts'
import type { Root } from './root.ts'

/** As the kernel's own limit (linux/namei.h: MAXSYMLINKS). */
const maxLinks = 40
const attempts = 16

/** A readable descriptor of the file or directory that `key` names, or minus the errno. */
export function openThroughLinks(root: Root, key: Key): number {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const walk = new Walk(root)
    try {
      const failed = walk.to(segments(key))
      const fd = failed === 0 ? walk.open() : failed
      if (fd !== -errno.EAGAIN) return fd
    } finally {
      walk.close()
    }
  }
  return -errno.EAGAIN
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
  /** An absolute target that begins with one of these lies inside; latin1. */
  readonly #prefixes: string[]
  /** The directories from the root to where we are, links resolved. The root's own descriptor is borrowed. */
  readonly #stack: Place[]
  /** The directories that the key's own segments named. */
  readonly #trail: Stat[]
  /** The file that the last segment named; undefined while we are at a directory. */
  #leaf: (Place & { readonly reopen: Reopen }) | undefined
  #links = 0
  #directoryLinks = 0

  constructor(root: Root) {
    this.#root = root
    this.#prefixes = [root.disk.root, root.disk.mountpoint]
      .filter((path) => path !== null)
      .map((path) => Buffer.from(path.replace(/\/+$/, '')).toString('latin1'))
    const { fd, stat } = root
    this.#stack = stat === undefined ? [] : [{ fd, stat }]
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
    if (leaf === undefined) return openat2(this.#here().fd, '.', O.RDONLY | O.DIRECTORY)
    const { stat: wanted, reopen } = leaf
    if (!isFile(wanted)) return -errno.ENXIO
    const fd = openat2(reopen.from, reopen.name, O.RDONLY | O.NONBLOCK | O.NOCTTY, reopen.resolve)
    // What our domain keeps from us has left the root since.
    const hasMoved = fd === -errno.ENOENT || fd === -errno.ELOOP || isRefusedByDomain(fd, leaf.fd)
    if (fd < 0) return hasMoved ? -errno.EAGAIN : fd
    const stat = statFd(fd)
    if (typeof stat !== 'number' && stat.ino === wanted.ino && stat.dev === wanted.dev) return fd
    close(fd)
    return -errno.EAGAIN
  }

  close(): void {
    this.#leave()
    while (this.#stack.length > 1) this.#pop()
  }

  #here(): Place {
    const place = this.#stack.at(-1)
    if (place === undefined) throw new RangeError('a walk has no place')
    return place
  }

  #pop(): void {
    const place = this.#stack.pop()
    if (place !== undefined) close(place.fd)
  }

  #leave(): void {
    if (this.#leaf !== undefined) close(this.#leaf.fd)
    this.#leaf = undefined
  }

  /** Goes on to `name` beneath where we are, through links: 0, or minus the errno. */
  #step(name: CPath): number {
    if (this.#leaf !== undefined) return -errno.ENOTDIR
    const { fd: from, stat: at } = this.#here()
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
    return typeof target === 'number' ? target : this.#follow(from, name, target.toString('latin1'))
  }

  /** Follows the link `name` of the directory `from`, which is where we are. */
  #follow(from: number, name: CPath, target: string): number {
    const policy = this.#root.settings.symlinks
    if (policy === 'deny' || ++this.#links > maxLinks) return -errno.ELOOP
    const absolute = target.startsWith('/')
    const path = absolute ? this.#within(target) : target
    const parts = path?.split('/') ?? []
    if (policy === 'follow' && (path === undefined || !absolute || parts.includes('..'))) {
      const resolve = RESOLVE.NO_MAGICLINKS
      const fd = openat2(from, name, O.PATH, resolve)
      return this.#arrive(fd, fd < 0 ? fd : statFd(fd), { from, name, resolve })
    }
    if (path === undefined) return -errno.EXDEV
    if (absolute) while (this.#stack.length > 1) this.#pop()
    for (const part of parts) {
      if (part === '' || part === '.') {
        if (this.#leaf !== undefined) return -errno.ENOTDIR
        continue
      }
      if (part === '..') {
        if (this.#leaf !== undefined) return -errno.ENOTDIR
        if (this.#stack.length === 1) return -errno.EXDEV
        this.#pop()
        continue
      }
      const failed = this.#step(cstring(Buffer.from(part, 'latin1')))
      if (failed < 0) return failed
    }
    return 0
  }

  /** What follows the root's or the mount point's path in an absolute target; undefined when it leads elsewhere. */
  #within(target: string): string | undefined {
    for (const prefix of this.#prefixes) {
      if (target === prefix || target.startsWith(`${prefix}/`)) return target.slice(prefix.length)
    }
    return undefined
  }

  #arrive(fd: number, stat: Stat | number, reopen: Reopen): number {
    if (fd < 0) return fd
    if (typeof stat === 'number') {
      close(fd)
      return stat
    }
    if (isDirectory(stat)) this.#stack.push({ fd, stat })
    else this.#leaf = { fd, stat, reopen }
    return 0
  }
}
