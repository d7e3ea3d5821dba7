/**
 * The way to a path, taken component by component from `/`, each an open descriptor without a look through a link:
 * what is judged on the way is what is acted on at its end, whoever renames what meanwhile.
 *
 * A symbolic link is followed where an administrator placed it: it belongs to root or to us, and stands where nobody
 * else could have put it. Any other is a refusal, and so is a FUSE file system of somebody else, which says of
 * owners and modes what it likes and may not answer at all.
 *
 * Node's own calls, since every command walks to its configuration and shouldn't load more for that.
 */
import { closeSync, constants, fstatSync, mkdirSync, openSync, readlinkSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { Fault } from './errors.ts'
import { isPrivateGroup } from './private-group.ts'
import { errno, errnoName, errnoOf } from './sys/errno.ts'
import { mountIdOf, mountTable } from './sys/mountinfo.ts'

/** What a path is for, in a refusal's words. */
export interface Purpose {
  /** `the state directory` */
  readonly what: string
  /** How to name another: `with --state DIR`. */
  readonly how: string
  /** What may be mounted on the end of the path is neither entered nor asked anything. */
  readonly isMountpoint?: true
}

/** The end of a path that something is mounted on. */
export interface Covered {
  readonly name: string
  readonly mountId: number
}

export interface Step {
  /** O_PATH. */
  readonly fd: number
  /** Canonical, as the walk found it. */
  readonly path: string
  readonly stat: Stats
}

const O_PATH = 0o10000000
/** As the kernel's own limit (linux/namei.h: MAXSYMLINKS). */
const mostLinks = 40

export const us = (): number => process.geteuid?.() ?? 0

/** Root, and who we are. */
export const rootAndUs = (): ReadonlySet<number> => new Set([0, us()])

/** To be closed by whoever walked. */
export class PathWalk {
  readonly purpose: Purpose
  /** From `/` to the last directory that is there. */
  readonly #steps: Step[] = []
  #leaf: Step | undefined
  #covered: Covered | undefined
  #missing: readonly string[] = []

  private constructor(purpose: Purpose) {
    this.purpose = purpose
  }

  /** Walks to `path`, absolute. Throws Untrusted, and AccessDenied where the kernel lets nobody pass. */
  static to(path: string, purpose: Purpose): PathWalk {
    const walk = new PathWalk(purpose)
    try {
      walk.#go(path)
      return walk
    } catch (thrown) {
      walk.close()
      throw thrown
    }
  }

  /** The directories that were passed, `/` first; never empty. */
  get steps(): readonly Step[] {
    return this.#steps
  }

  /** The last directory that is there. */
  get here(): Step {
    const step = this.#steps.at(-1)
    if (step === undefined) throw new RangeError('a walk that was closed')
    return step
  }

  /** What the path leads to, or is barred by, where that is no directory. */
  get leaf(): Step | undefined {
    return this.#leaf
  }

  /** What is mounted on the end of a mount point's path; `here` is the directory that it is in then. */
  get covered(): Covered | undefined {
    return this.#covered
  }

  /** The names that don't exist, behind `here` or behind a file. */
  get missing(): readonly string[] {
    return this.#missing
  }

  /** Canonical, what is missing included. */
  get path(): string {
    const end = this.#covered === undefined ? this.#missing : [this.#covered.name]
    return join((this.#leaf ?? this.here).path, ...end)
  }

  /** Throws AccessDenied where the path leads to, or is barred by, something else. */
  requireDirectory(): void {
    if (this.#leaf !== undefined) throw this.#failure(this.#leaf.path, undefined, 'ENOTDIR')
  }

  /**
   * Throws Untrusted where a directory on the way could be changed by others than `owners`. `end`: whether `here` is
   * one on the way (`passed`), or where names are to be trusted whoever owns them (`judged`), or nobody's business.
   */
  requireOwners(owners: ReadonlySet<number>, end: 'judged' | 'passed' | 'ignored'): void {
    for (const [index, step] of this.#steps.entries()) {
      const isEnd = index === this.#steps.length - 1 && this.#leaf === undefined
      if (isEnd && end === 'ignored') continue
      const objection = objectionTo(step, owners, isEnd && end === 'judged')
      if (objection === undefined) continue
      // Whoever owns the end may own the way to it.
      const given = this.purpose.isMountpoint === true && !isEnd && !owners.has(step.stat.uid)
      const remedy = given ? `chown ${step.stat.uid} "${this.here.path}", or ` : objection.remedy
      throw this.untrusted(step.path, { ...objection, remedy })
    }
    const { leaf } = this
    const objection = leaf === undefined ? undefined : objectionTo(leaf, owners, true)
    if (leaf !== undefined && objection !== undefined) throw this.untrusted(leaf.path, objection)
  }

  /**
   * Makes what is missing, with `mode` less the umask: the topmost that this made, or null. Another process may be faster: then what
   * it made is passed as if it had been there, so it must be judged after this.
   */
  make(mode: number): string | null {
    let made: string | null = null
    for (const name of this.#missing) {
      const { fd, path } = this.here
      try {
        mkdirSync(`/proc/self/fd/${fd}/${name}`, mode)
        made ??= join(path, name)
      } catch (thrown) {
        if (errnoOf(thrown) !== errno.EEXIST) throw this.#failure(join(path, name), thrown)
      }
      if (this.#enter(name) !== undefined || this.#leaf !== undefined)
        throw this.#failure(join(path, name), undefined, 'EEXIST')
    }
    this.#missing = []
    return made
  }

  close(): void {
    for (const { fd } of this.#steps) closeSync(fd)
    this.#steps.length = 0
    if (this.#leaf !== undefined) closeSync(this.#leaf.fd)
    this.#leaf = undefined
  }

  untrusted(path: string, { why, remedy }: Objection): Fault {
    const { what, how } = this.purpose
    return new Fault(
      'Untrusted',
      `${path} ${why}, so ${what} can't be there: ${remedy}name another one ${how}`,
    )
  }

  #go(path: string): void {
    this.#steps.push(this.#open(openSync('/', O_PATH | constants.O_DIRECTORY), '/'))
    const rest = namesOf(path)
    for (let links = 0, name = rest.shift(); name !== undefined; name = rest.shift()) {
      if (name === '..') {
        if (this.#steps.length > 1) closeSync(this.#steps.pop()?.fd ?? -1)
        continue
      }
      const target = this.#enter(name, this.purpose.isMountpoint === true && rest.length === 0)
      if (target === 'missing') {
        this.#missing = [name, ...rest]
        return
      }
      if (target !== undefined) {
        if (++links > mostLinks) throw this.#failure(path, undefined, 'ELOOP')
        rest.unshift(...namesOf(target))
        if (target.startsWith('/')) for (const { fd } of this.#steps.splice(1)) closeSync(fd)
      }
      if (this.#leaf !== undefined) {
        this.#missing = rest
        return
      }
    }
  }

  /** Goes on to `name`: undefined, `missing`, or where the link of that name leads. */
  #enter(name: string, mayBeCovered = false): string | undefined {
    const { fd: from, path: above } = this.here
    const path = join(above, name)
    let fd: number
    try {
      fd = openSync(`/proc/self/fd/${from}/${name}`, O_PATH | constants.O_NOFOLLOW)
    } catch (thrown) {
      if (errnoOf(thrown) === errno.ENOENT) return 'missing'
      throw this.#failure(path, thrown)
    }
    const mountId = mayBeCovered ? mountIdOf(fd) : 0
    if (mayBeCovered && mountId !== mountIdOf(from)) {
      // A descriptor of a mount is a use of it.
      closeSync(fd)
      this.#covered = { name, mountId }
      return undefined
    }
    const step = this.#open(fd, path)
    if (step.stat.isDirectory()) this.#steps.push(step)
    else if (!step.stat.isSymbolicLink()) this.#leaf = step
    else {
      closeSync(fd)
      this.#requirePlaced(step)
      return readlinkSync(`/proc/self/fd/${from}/${name}`)
    }
    return undefined
  }

  #open(fd: number, path: string): Step {
    try {
      const mountId = mountIdOf(fd)
      const above = this.#steps.at(-1)
      // Before the first question that its server would have to answer.
      if (above !== undefined && mountIdOf(above.fd) !== mountId) this.#refuseForeignFuse(mountId, path)
      return { fd, path, stat: fstatSync(fd) }
    } catch (thrown) {
      closeSync(fd)
      throw thrown instanceof Fault ? thrown : this.#failure(path, thrown)
    }
  }

  #refuseForeignFuse(mountId: number, path: string): void {
    const server = mountTable().find(({ id }) => id === mountId)?.fuseUser
    if (server === undefined || rootAndUs().has(server)) return
    const why = `is a FUSE file system of user ${server}`
    throw this.untrusted(path, { why, remedy: 'unmount that, or ' })
  }

  /** Nobody but root and we could have placed the link `step`. */
  #requirePlaced(step: Step): void {
    const owners = rootAndUs()
    const { uid } = step.stat
    const open = this.#steps.find((one) => objectionTo(one, owners, one === this.here) !== undefined)
    if (owners.has(uid) && open === undefined) return
    const who = owners.has(uid) ? `others than root can change in ${open?.path}` : `of user ${uid}`
    throw this.untrusted(step.path, {
      why: `is a symbolic link ${who}`,
      remedy: 'name what it leads to, or ',
    })
  }

  #failure(path: string, thrown: unknown, code = errnoName(errnoOf(thrown))): Fault {
    const { what, how } = this.purpose
    const cause = thrown === undefined ? {} : { cause: thrown }
    const who = code === 'EACCES' ? ` as user ${us()}` : ''
    return new Fault(
      this.purpose.isMountpoint === true && code !== 'EACCES' ? 'NotADirectory' : 'AccessDenied',
      `${path} can't be reached${who} (${code}), on the way to ${what}: name another one ${how}`,
      cause,
    )
  }
}

const namesOf = (path: string) => path.split('/').filter((name) => name !== '' && name !== '.')

interface Objection {
  readonly why: string
  /** A command and `, or `; may be empty. */
  readonly remedy: string
}

/** How others than `owners` could change what is in the directory, or in the file, that `step` is. */
function objectionTo(
  { path, stat }: Step,
  owners: ReadonlySet<number>,
  isEnd: boolean,
): Objection | undefined {
  const { uid, gid, mode } = stat
  if (!owners.has(uid)) return { why: `belongs to user ${uid}`, remedy: `chown ${us()} "${path}", or ` }
  // Where names are their owners' alone to change, what we pass next is its owner's.
  if (!isEnd && (mode & 0o1000) !== 0) return undefined
  const octal = (mode & 0o7777).toString(8)
  if ((mode & 0o002) !== 0)
    return { why: `may be written by everybody (mode ${octal})`, remedy: `chmod go-w "${path}", or ` }
  if ((mode & 0o020) !== 0 && (uid === 0 || !isPrivateGroup(uid, gid)))
    return { why: `may be written by group ${gid} (mode ${octal})`, remedy: `chmod g-w "${path}", or ` }
  return undefined
}
