/**
 * Passthrough: the kernel reads and writes the host's file itself. It wants one backing id per inode for as
 * long as the inode is open, and all of an inode's opens in the same mode (a second id is EBUSY, a cached open
 * beside a passed-through one ETXTBSY): so the first open decides, and the last release gives the id back.
 *
 * The kernel reads and writes a backing as whoever registered it, whoever else has the file open. So that is an ordinary
 * user always, whom the host's limits bind: root doesn't reach ext4's reserved blocks by passthrough either.
 *
 * A write must take set-user-ID and set-group-ID away, unless root writes. Only we can tell, so a file with
 * these bits is not passed through; and one that gets them while it is open loses them to whoever writes.
 */
import { AT_FDCWD, close, O, openat2 } from '../../lib/sys/open.ts'
import { S } from '../../lib/sys/stat.ts'
import type { HandleId, NodeId, Opened } from '../filesystem.ts'
import type { CallerCredentials, Spender } from './caller-credentials.ts'
import { closeBacking, openBacking } from './device.ts'
import { FOPEN } from './protocol/flags.ts'
import type { openOut } from './protocol/structs.ts'
import type { ValueOf } from './protocol/wire.ts'

interface Backing {
  /** 0: not passed through while it stays open. */
  readonly id: number
  opens: number
}

export class Backings {
  readonly #device: number
  readonly #descriptor: (handle: HandleId) => number
  readonly #credentials: CallerCredentials | null
  readonly #open = new Map<NodeId, Backing>()
  /** Settled by INIT. */
  enabled = false
  /** The kernel has FOPEN_NOFLUSH (7.35). */
  noFlush = false
  /** Whether a file was ever passed through: our byte counters don't know about it. */
  used = false
  /** Told the errno of the first refusal; passthrough is off from then on. */
  onRefusal: (errno: number) => void = () => {}

  /**
   * `descriptor`: the host's file behind a handle, or minus an errno. `credentials`: of the thread that opens; null where
   * nothing is passed through.
   */
  constructor(
    device: number,
    descriptor: (handle: HandleId) => number,
    credentials: CallerCredentials | null = null,
  ) {
    this.#device = device
    this.#descriptor = descriptor
    this.#credentials = credentials
  }

  /**
   * Finds out whether a file of the root's file system may be passed through, where one without a name can be had:
   * otherwise the first open does. To be called after INIT.
   */
  probe(root: string): void {
    if (!this.enabled) return
    const fd = openat2(AT_FDCWD, root, O.TMPFILE | O.RDWR, 0, 0o600)
    if (fd < 0) return
    const id = openBacking(this.#device, fd)
    if (id > 0) closeBacking(this.#device, id)
    else this.#refused(-id)
    close(fd)
  }

  /** Counts an open by `caller`, and makes the answer to it. */
  opened(node: NodeId, { handle, mode }: Opened, flags: number, caller: Spender): ValueOf<typeof openOut> {
    // A file that was only read has no write error to report at close.
    const open_flags = this.noFlush && (flags & O.ACCMODE) === O.RDONLY ? FOPEN.NOFLUSH : 0
    let backing = this.#open.get(node)
    if (backing === undefined) {
      if (!this.enabled) return { fh: handle, open_flags, backing_id: 0 }
      backing = { id: this.#register(handle, mode, caller), opens: 0 }
      this.#open.set(node, backing)
    }
    backing.opens++
    if (backing.id === 0) return { fh: handle, open_flags, backing_id: 0 }
    return { fh: handle, open_flags: open_flags | FOPEN.PASSTHROUGH, backing_id: backing.id }
  }

  released(node: NodeId): void {
    const backing = this.#open.get(node)
    if (backing === undefined || --backing.opens > 0) return
    this.#open.delete(node)
    if (backing.id !== 0) closeBacking(this.#device, backing.id)
  }

  #register(handle: HandleId, mode: number, caller: Spender): number {
    if ((mode & (S.IFMT | 0o6000)) !== S.IFREG) return 0
    const fd = this.#descriptor(handle)
    if (fd < 0) return 0
    const open = () => openBacking(this.#device, fd)
    const id = this.#credentials === null ? open() : this.#credentials.bound(caller, open)
    if (id > 0) {
      this.used = true
      return id
    }
    this.#refused(-id)
    return 0
  }

  #refused(errno: number): void {
    this.enabled = false
    this.onRefusal(errno)
  }
}
