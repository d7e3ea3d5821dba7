/**
 * Acting as the caller, for the threads that do: file-system ids, supplementary groups and umask. What is
 * made so belongs to who made it, under the rules of the host's file system (set-group-ID directories,
 * default ACLs, quotas).
 *
 * A thread whose caller isn't root goes without CAP_SYS_RESOURCE, which sets the host's limits aside. It stays so until
 * root calls.
 *
 * The groups come from /proc, as FUSE doesn't send them. They are read anew for each call: a process may
 * change them, and root, whom they don't matter for, never pays for it.
 */
import {
  setfsgid,
  setfsuid,
  setgroups,
  setResourceCapability,
  umask,
  unshareUmask,
} from '../../lib/sys/identity.ts'
import { AT_FDCWD, close, O, openat2 } from '../../lib/sys/open.ts'
import { read } from '../../lib/sys/stream.ts'
import type { Credentials } from '../disk/credentials.ts'
import type { Caller } from '../filesystem.ts'

const none: readonly number[] = []
const status = Buffer.alloc(4096)

/** Supplementary groups of a thread, or none when it is gone or in no pid namespace of ours. */
export function groupsOf(pid: number): readonly number[] {
  if (pid === 0) return none
  const fd = openat2(AT_FDCWD, `/proc/${pid}/status`, O.RDONLY)
  if (fd < 0) return none
  let length = read(fd, status, status.length)
  let text = length > 0 ? status.toString('latin1', 0, length) : ''
  while (length === status.length) {
    length = read(fd, status, status.length)
    if (length > 0) text += status.toString('latin1', 0, length)
  }
  close(fd)
  const start = text.indexOf('\nGroups:')
  if (start < 0) return none
  const line = text.slice(start + 8, text.indexOf('\n', start + 8)).trim()
  return line === '' ? none : line.split(' ').map(Number)
}

const nobody: Spender = { uid: 65534 }

/** An id without a name here is nobody's. To setfsuid(2) it would mean "no change", and thus root. */
const known = (id: number): number => (id === 0xffffffff ? 65534 : id)

/** Whose the bytes are that a call takes up. */
export interface Spender {
  readonly uid: number
}

/** To be made and used in one and the same thread, which has a umask of its own from then on. */
export class CallerCredentials implements Credentials {
  /** Whether this thread may be somebody else at all. */
  readonly #privileged: boolean
  #mask = 0
  #other = false
  #grouped = false
  #exceeds = true

  constructor() {
    unshareUmask()
    umask(0)
    this.#privileged = process.geteuid?.() === 0
  }

  limit({ uid }: Spender): void {
    const exceeds = uid === 0
    if (!this.#privileged || exceeds === this.#exceeds) return
    this.#exceeds = exceeds
    setResourceCapability(exceeds)
  }

  /**
   * Does `call`, which takes up room by a descriptor, within the limits of `spender`. The descriptor's rights are enough for
   * it: nothing may be opened. Groups are left as they are: that of root, which is given no reserve.
   */
  spendAs<A extends unknown[]>(spender: Spender, call: (...args: A) => number, ...args: A): number {
    this.limit(spender)
    if (!this.#privileged || spender.uid === 0) return call(...args)
    setfsuid(known(spender.uid))
    const result = call(...args)
    setfsuid(0)
    return result
  }

  /**
   * Does `call` as an ordinary user who is bound by every limit: the caller, or nobody where that is root. What the kernel
   * keeps of the identity serves others also.
   */
  bound(caller: Spender, call: () => number): number {
    return this.spendAs(caller.uid === 0 ? nobody : caller, call)
  }

  assume(caller: Caller): void {
    this.limit(caller)
    if (caller.umask !== this.#mask) umask((this.#mask = caller.umask))
    if (!this.#privileged || (caller.uid === 0 && caller.gid === 0)) return
    this.#other = true
    if (caller.uid !== 0) {
      this.#grouped = true
      setgroups(caller.groups ?? groupsOf(caller.pid))
    }
    setfsgid(known(caller.gid))
    setfsuid(known(caller.uid))
  }

  revert(): void {
    if (!this.#other) return
    this.#other = false
    setfsuid(0)
    setfsgid(0)
    if (this.#grouped) setgroups(none)
    this.#grouped = false
  }
}
