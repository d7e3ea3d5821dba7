/**
 * Requests that wait for the disk's file system to thaw. Who changes something on a frozen one waits in the kernel, without
 * regard for signals, and if the serving thread did so, everybody would. So such requests are put aside here unserved, and
 * served when it has thawed; whoever only reads is served meanwhile.
 *
 * Between the look and the call lie some microseconds. A freeze that begins in them stops the mount until the thaw.
 */
import { O } from '../../lib/sys/open.ts'
import type { Filesystem } from '../filesystem.ts'
import type { Request } from './protocol/codec.ts'
import { OPCODE } from './protocol/opcode-numbers.ts'
import { openIn } from './protocol/structs.ts'

/** Requests that wait for their answer, at most. */
const most = 1024

/** They begin a change of the file system, whatever they are about. */
const changing: ReadonlySet<number> = new Set([
  OPCODE.SETATTR,
  OPCODE.SYMLINK,
  OPCODE.MKNOD,
  OPCODE.MKDIR,
  OPCODE.UNLINK,
  OPCODE.RMDIR,
  OPCODE.RENAME,
  OPCODE.RENAME2,
  OPCODE.LINK,
  OPCODE.WRITE,
  OPCODE.SETXATTR,
  OPCODE.REMOVEXATTR,
  OPCODE.CREATE,
  OPCODE.TMPFILE,
  OPCODE.FALLOCATE,
  OPCODE.COPY_FILE_RANGE,
  OPCODE.COPY_FILE_RANGE_64,
])

/** They let go of a file, which changes something when it has no name any more: its blocks are freed. */
const releasing: ReadonlySet<number> = new Set([OPCODE.RELEASE, OPCODE.RELEASEDIR, OPCODE.FORGET])

const opensEmptied = (request: Request): boolean => {
  const { offsets, size } = openIn
  return (
    request.end - request.at >= size &&
    (request.view.getUint32(request.at + offsets.flags, true) & O.TRUNC) !== 0
  )
}

/** Whether the request would wait for a thaw, if there is to be one. */
export function changes(request: Request, filesystem: Filesystem): boolean {
  const { opcode } = request
  if (changing.has(opcode)) return true
  if (opcode === OPCODE.OPEN) return opensEmptied(request)
  return opcode === OPCODE.BATCH_FORGET || (releasing.has(opcode) && filesystem.isNameless(request.node))
}

export interface ParkedRequest {
  readonly bytes: Buffer
  /** The device's descriptor that brought it. */
  readonly device: number
  readonly uniqueLow: number
  readonly uniqueHigh: number
  /** Whether the kernel has its answer, or wants none. */
  readonly answered: boolean
}

export class Parked {
  #requests: ParkedRequest[] = []
  #unanswered = 0

  get size(): number {
    return this.#requests.length
  }

  /** Keeps a copy of the request: 0, or minus an errno that it is to be answered with at once. */
  add(request: Request, length: number, full: number): number {
    const { opcode, device, uniqueLow, uniqueHigh } = request
    // Nobody waits for a RELEASE; and with a dozen of them under way the kernel would read no further ahead.
    const answered = opcode === OPCODE.BATCH_FORGET || releasing.has(opcode)
    if (!answered) {
      if (this.#unanswered >= most) return full
      this.#unanswered++
    }
    const bytes = Buffer.from(request.bytes.subarray(0, length))
    this.#requests.push({ bytes, device, uniqueLow, uniqueHigh, answered })
    return 0
  }

  takeAll(): readonly ParkedRequest[] {
    const requests = this.#requests
    this.#requests = []
    this.#unanswered = 0
    return requests
  }

  /** Takes out the request whose program is to wait no more. */
  interrupt(uniqueLow: number, uniqueHigh: number): ParkedRequest | undefined {
    const at = this.#requests.findIndex(
      (one) => one.uniqueLow === uniqueLow && one.uniqueHigh === uniqueHigh && !one.answered,
    )
    if (at < 0) return undefined
    this.#unanswered--
    return this.#requests.splice(at, 1)[0]
  }
}
