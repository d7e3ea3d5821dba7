/**
 * A walk over the keys of a disk in their order, from any text on. It holds one frame for each directory that it is
 * in, and of these a few descriptors: a directory is opened by its key, as a GET would, so what a walk shows is
 * what can be read.
 */
import { Fault } from '../errors.ts'
import { SystemError } from '../sys/errno.ts'
import { O, close, openat2 } from '../sys/open.ts'
import { statFd, type Stat } from '../sys/stat.ts'
import { Children, type Directory } from './children.ts'
import type { Directories } from './directories.ts'
import type { Names } from './names.ts'
import { compareKeys, parseKey, type Key } from './path.ts'
import { refusal, resolve, type Opened, type Refusal } from './resolve.ts'
import type { Root } from './root.ts'

export interface WalkFrom {
  readonly prefix: string
  /** Directories beneath the prefix's own are given as one thing, and not entered. */
  readonly delimited: boolean
  /** What is found comes after this text; '' for the beginning. A delimited directory that equals it is over. */
  readonly after: string
  /** Markers of empty directories are given even where the disk hides them. */
  readonly everyMarker?: true
}

export interface Found {
  readonly key: Key
  readonly stat: Stat
  /** All keys that begin with `key`, rolled up; otherwise a file, or the marker of an empty directory. */
  readonly rolledUp: boolean
}

interface Frame {
  readonly key: Key | ''
  directory: Directory | undefined
  readonly children: Children
  /** What every child's name begins with; '' except in the prefix's own directory. */
  readonly rest: string
  /** No child has been looked at, and the directory's marker would still be ahead. */
  mayBeEmpty: boolean
  /** The child that `after` lies in, and what of `after` lies beneath it. */
  readonly into: { readonly name: string; readonly after: string } | undefined
}

/** Frames whose descriptors stay open. */
const mostOpen = 8
/** Milliseconds of work between two turns of the event loop. */
const slice = 15

export class Walk {
  readonly #root: Root
  readonly #directories: Directories
  readonly #from: WalkFrom
  readonly #showsMarkers: boolean
  readonly #frames: Frame[] = []
  #began = false
  #deadline = 0
  #inner: Walk | undefined
  /** What a look beyond `after` has found. */
  #ready: Found | undefined

  constructor(root: Root, directories: Directories, from: WalkFrom) {
    this.#root = root
    this.#directories = directories
    this.#from = from
    this.#showsMarkers = from.everyMarker === true || root.settings.emptyDirectories === 'list'
  }

  /** What comes next, undefined at the end. Throws a Fault when the tree can't be read. */
  async next(): Promise<Found | undefined> {
    for (;;) {
      const found = this.step()
      if (!(found instanceof Promise)) return found
      await found
    }
  }

  /** As `next`; a promise says when to ask again. */
  step(): Found | undefined | Promise<void> {
    if (!this.#began) {
      this.#began = true
      this.#deadline = performance.now() + slice
      const pending = this.#begin()
      if (pending !== undefined) return pending
    }
    if (this.#ready !== undefined) {
      const found = this.#ready
      this.#ready = undefined
      return found
    }
    for (;;) {
      const frame = this.#frames.at(-1)
      if (frame === undefined) return undefined
      if (performance.now() > this.#deadline) return this.#rest()
      const directory = (frame.directory ??= this.#open(frame.key))
      const child = directory === undefined ? undefined : frame.children.next(directory)
      if (child === 'busy') continue
      if (child === undefined || !child.name.startsWith(frame.rest)) {
        this.#leave()
        if (directory !== undefined && child === undefined && frame.mayBeEmpty && frame.key !== '') {
          return { key: frame.key, stat: directory.stat, rolledUp: false }
        }
        continue
      }
      frame.mayBeEmpty = false
      const key = `${frame.key}${child.name}` as Key
      if (!child.name.endsWith('/')) return { key, stat: child.stat, rolledUp: false }
      const after = frame.into?.name === child.name ? frame.into.after : undefined
      if (!this.#from.delimited) {
        const pending = this.#enter(key, after, '')
        if (pending !== undefined) return pending
      } else if (after === undefined) return { key, stat: child.stat, rolledUp: true }
      else if (after !== '') return this.#lookBeyond(key, child.stat)
    }
  }

  close(): void {
    this.#inner?.close()
    while (this.#frames.length > 0) this.#leave()
  }

  #begin(): Promise<void> | undefined {
    const { prefix, after } = this.#from
    const slash = prefix.lastIndexOf('/') + 1
    const within = prefix.slice(0, slash)
    const key = within === '' ? '' : parseKey(within)
    if (key === undefined) return undefined
    if (after.startsWith(within))
      return this.#enter(key, after === '' ? undefined : after.slice(slash), prefix.slice(slash))
    if (compareKeys(after, within) > 0) return undefined
    return this.#enter(key, undefined, prefix.slice(slash))
  }

  /**
   * Goes into a directory, whose names may take a while to read. `after` is what of the walk's own lies beneath it;
   * undefined while the directory itself, and so its marker, is still ahead.
   */
  #enter(key: Key | '', after: string | undefined, rest: string): Promise<void> | undefined {
    const directory = this.#open(key)
    if (directory === undefined) return undefined
    const slash = after === undefined ? -1 : after.indexOf('/') + 1
    const into =
      after !== undefined && slash > 0
        ? { name: after.slice(0, slash), after: after.slice(slash) }
        : undefined
    const beyond = into?.name ?? (after === undefined || after === '' ? '' : `${after}\0`)
    const frame = (names: Names): void => {
      this.#frames.push({
        key,
        directory,
        children: new Children(this.#root, key, names, compareKeys(beyond, rest) > 0 ? beyond : rest),
        rest,
        mayBeEmpty: after === undefined && rest === '' && this.#showsMarkers,
        into,
      })
      const far = this.#frames.at(-1 - mostOpen)
      if (far !== undefined) release(far)
    }
    const names = this.#names(directory)
    if (!(names instanceof Promise)) return void frame(names)
    return names.then((read) => {
      this.#deadline = performance.now() + slice
      frame(read)
    })
  }

  #names(directory: Directory): Names | Promise<Names> {
    const { fd, stat } = directory
    const fail = (error: unknown): never => {
      close(fd)
      throw error instanceof SystemError ? new Fault(refusal(error.errno)) : error
    }
    try {
      const names = this.#directories.names(fd, stat, this.#root.isRemote(fd, stat))
      return names instanceof Promise ? names.catch(fail) : names
    } catch (error) {
      return fail(error)
    }
  }

  /** The directory that `key` names right now; undefined where there is none that can be read. */
  #open(key: Key | ''): Directory | undefined {
    const opened = key === '' ? openRoot(this.#root) : resolve(this.#root, key)
    if (typeof opened !== 'string') return { key, ...opened }
    const ours = this.#frames.length === 0
    if (opened === 'NoSuchKey' || (opened === 'AccessDenied' && !ours)) return undefined
    throw new Fault(opened)
  }

  #leave(): void {
    const frame = this.#frames.pop()
    if (frame !== undefined) release(frame)
  }

  /**
   * Whether the directory that `after` lies in holds anything after it. An empty directory counts though its
   * marker may be hidden, as it does where a common prefix is shown without a look inside.
   */
  async #lookBeyond(key: Key, stat: Stat): Promise<void> {
    this.#inner = new Walk(this.#root, this.#directories, {
      prefix: key,
      delimited: false,
      after: this.#from.after,
      everyMarker: true,
    })
    try {
      if ((await this.#inner.next()) !== undefined) this.#ready = { key, stat, rolledUp: true }
    } finally {
      this.#inner.close()
      this.#inner = undefined
    }
  }

  async #rest(): Promise<void> {
    await new Promise((done) => setImmediate(done))
    this.#deadline = performance.now() + slice
  }
}

function release(frame: Frame): void {
  if (frame.directory !== undefined) close(frame.directory.fd)
  frame.directory = undefined
}

function openRoot(root: Root): Opened | Refusal {
  if (!root.check()) return 'DiskOffline'
  const fd = openat2(root.fd, '.', O.RDONLY | O.DIRECTORY)
  const stat = fd < 0 ? fd : statFd(fd)
  if (typeof stat !== 'number') return { fd, stat }
  if (fd >= 0) close(fd)
  return refusal(-stat)
}
