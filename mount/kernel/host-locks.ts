/**
 * Locks acted out on the host's files, so that programs on the host and programs in the mount keep each other out.
 *
 * A range lock belongs to whom the kernel calls its owner: a process, or an open file. Each owner of locks on a file gets
 * an open file description of its own on the host, and what is split, merged or dropped there is the host's own
 * business. A lock of flock(2) belongs to the open file, which has a description on the host: its handle's.
 *
 * Who gets a lock may have waited for somebody on the host to change the file: the attributes that the kernel
 * remembers go with every lock that is given.
 */
import { descriptorPath } from '../../lib/sys/attributes.ts'
import { errno } from '../../lib/sys/errno.ts'
import { accessOf, F, lockRange, lockWhole, locksOf, testRange, type RangeLock } from '../../lib/sys/lock.ts'
import { AT_FDCWD, close, O, openat2 } from '../../lib/sys/open.ts'
import { descriptorBudget, openFileLimit } from '../disk/descriptor-budget.ts'
import type { Filesystem, HandleId, NodeId } from '../filesystem.ts'
import { now } from './job-queue.ts'
import { DEFERRED } from './lanes.ts'
import { emptyWait, type LockWaits } from './lock-waits.ts'
import { invalidateAttributes } from './notify.ts'
import type { Request } from './protocol/codec.ts'
import { LK } from './protocol/flags.ts'
import type { fileLock, lkIn } from './protocol/structs.ts'
import { Malformed, type ValueOf } from './protocol/wire.ts'

type LockRequest = ValueOf<typeof lkIn>
type FileLock = ValueOf<typeof fileLock>

interface Owner {
  readonly id: bigint
  /** The open file description that has its locks. */
  fd: number
  /** Through which it locked last. An owner that is an open file ends with it. */
  handle: HandleId
  /** Of the process that locked last. */
  pid: number
  /** Its requests that wait for a lock: the descriptor stays for them. */
  waiting: number
}

const END = (1n << 63n) - 1n

/** `end` is a range's last byte, END for all that follows. */
function lengthOf({ start, end }: FileLock): bigint {
  if (end < start || end > END) throw new Malformed('a range that ends before it begins')
  return end === END ? 0n : end - start + 1n
}

/** Another open file description of the file: a descriptor, or minus the errno. */
const openAgain = (fd: number, access: number): number =>
  openat2(AT_FDCWD, descriptorPath(fd), access | O.NONBLOCK)

/**
 * Gives an owner that has read so far a description that reads and writes. Its reading locks are taken by the new one
 * before they go with the old one, so that nobody comes between.
 */
function widen(owner: Owner): boolean {
  if (owner.waiting > 0) return false
  const fd = openAgain(owner.fd, O.RDWR)
  if (fd < 0) return false
  for (const { type, start, length } of locksOf(owner.fd)) {
    if (lockRange(fd, type, start, length, false) === 0) continue
    close(fd)
    return false
  }
  close(owner.fd)
  owner.fd = fd
  return true
}

export class HostLocks {
  readonly #filesystem: Filesystem
  readonly #waits: LockWaits
  readonly #owners = new Map<NodeId, Owner[]>()
  readonly #wait = emptyWait()
  readonly #most = descriptorBudget(openFileLimit()).locks
  #count = 0

  constructor(filesystem: Filesystem, waits: LockWaits) {
    this.#filesystem = filesystem
    this.#waits = waits
  }

  /** SETLK, and SETLKW where it `waits`: 0, minus an errno, or DEFERRED. */
  set(request: Request, { fh, owner: id, lk, lk_flags }: LockRequest, waits: boolean): number {
    this.#waits.collect()
    const { node } = request
    const handle = fh as HandleId
    const open = this.#filesystem.descriptor(handle)
    if (open < 0) return open
    if ((lk_flags & LK.FLOCK) !== 0) return this.#flock(request, open, lk.type, waits)
    const length = lengthOf(lk)
    const owner = this.#owner(node, id) ?? (lk.type === F.UNLCK ? null : this.#added(node, id, open))
    if (owner === null) return 0
    if (typeof owner === 'number') return owner
    owner.handle = handle
    owner.pid = lk.pid
    if (lk.type === F.UNLCK && lk.start === 0n && length === 0n) {
      this.#drop(node, owner)
      return 0
    }
    let result = lockRange(owner.fd, lk.type, lk.start, length, false)
    if (result === -errno.EBADF) {
      result = widen(owner) ? lockRange(owner.fd, lk.type, lk.start, length, false) : -errno.ENOLCK
    }
    if (result === 0 && lk.type !== F.UNLCK) invalidateAttributes(request.device, node)
    if (result !== -errno.EAGAIN || !waits) return result
    return this.#defer(request, owner, owner.fd, lk, length)
  }

  /** GETLK: `lk` becomes what is in the way. */
  test(node: NodeId, { fh, owner: id, lk }: LockRequest): number {
    const open = this.#filesystem.descriptor(fh as HandleId)
    if (open < 0) return open
    const asked = { type: lk.type, start: lk.start, length: lengthOf(lk), pid: 0 }
    // The handle's own description has no range locks, so that every one is another's to it.
    const result = testRange(this.#owner(node, id)?.fd ?? open, asked)
    if (result < 0) return result
    const mine = asked.type !== F.UNLCK && asked.pid < 0 ? this.#holder(node, asked) : undefined
    Object.assign(lk, {
      type: asked.type,
      start: asked.start,
      end: asked.length === 0n ? END : asked.start + asked.length - 1n,
      pid: mine?.pid ?? Math.max(asked.pid, 0),
    })
    return 0
  }

  /** A descriptor of the file was closed: POSIX takes all of the owner's locks on it away. */
  flushed(node: NodeId, id: bigint): void {
    const owner = this.#owner(node, id)
    if (owner !== undefined) this.#drop(node, owner)
  }

  /** The open file is gone, and with it the locks that were its own. */
  released(node: NodeId, handle: HandleId, unlocks: boolean): void {
    for (const owner of this.#owners.get(node) ?? []) if (owner.handle === handle) this.#drop(node, owner)
    const open = unlocks ? this.#filesystem.descriptor(handle) : -1
    if (open >= 0) lockWhole(open, F.UNLCK, false)
  }

  interrupt(uniqueLow: number, uniqueHigh: number): void {
    this.#waits.interrupt(uniqueLow, uniqueHigh)
  }

  /** Lets go of all locks. Whether nobody waits any more: whoever does needs the descriptors that it waits on. */
  close(): boolean {
    this.#waits.collect()
    for (const [node, owners] of this.#owners) for (const owner of owners) this.#drop(node, owner)
    return this.#waits.count === 0
  }

  #flock(request: Request, fd: number, type: number, waits: boolean): number {
    const result = lockWhole(fd, type, false)
    if (result === 0 && type !== F.UNLCK) invalidateAttributes(request.device, request.node)
    if (result !== -errno.EAGAIN || !waits) return result
    return this.#defer(request, null, fd, { type, start: 0n, end: END, pid: 0 }, 0n)
  }

  #defer(request: Request, owner: Owner | null, fd: number, lk: FileLock, length: bigint): number {
    const wait = this.#wait
    wait.uniqueLow = request.uniqueLow
    wait.uniqueHigh = request.uniqueHigh
    wait.device = request.device
    wait.given = now()
    wait.node = request.node
    wait.fd = fd
    wait.whole = owner === null
    wait.type = lk.type
    wait.start = lk.start
    wait.length = length
    const ended = () => {
      if (owner !== null) owner.waiting--
    }
    if (!this.#waits.add(wait, ended)) return -errno.ENOLCK
    if (owner !== null) owner.waiting++
    return DEFERRED
  }

  #owner(node: NodeId, id: bigint): Owner | undefined {
    return this.#owners.get(node)?.find((owner) => owner.id === id)
  }

  #added(node: NodeId, id: bigint, open: number): Owner | number {
    if (this.#count >= this.#most) return -errno.ENOLCK
    // No more than the program may: to open a file for writing can mean a lot, as on overlayfs.
    const access = accessOf(open)
    let fd = openAgain(open, access === O.WRONLY ? O.RDWR : access)
    if (fd < 0) fd = openAgain(open, access)
    if (fd < 0) return -errno.ENOLCK
    this.#count++
    const owner: Owner = { id, fd, handle: 0 as HandleId, pid: 0, waiting: 0 }
    const owners = this.#owners.get(node)
    if (owners === undefined) this.#owners.set(node, [owner])
    else owners.push(owner)
    return owner
  }

  #drop(node: NodeId, owner: Owner): void {
    this.#waits.collect()
    if (owner.waiting > 0) {
      lockRange(owner.fd, F.UNLCK, 0n, 0n, false)
      return
    }
    const others = (this.#owners.get(node) ?? []).filter((other) => other !== owner)
    if (others.length === 0) this.#owners.delete(node)
    else this.#owners.set(node, others)
    close(owner.fd)
    this.#count--
  }

  /** Who has that lock, where it is somebody in the mount alone: to them nothing is in the way there. */
  #holder(node: NodeId, lock: RangeLock): Owner | undefined {
    return this.#owners.get(node)?.find(({ fd }) => {
      const asked: RangeLock = { type: F.WRLCK, start: lock.start, length: lock.length, pid: 0 }
      return testRange(fd, asked) === 0 && asked.type === F.UNLCK
    })
  }
}
