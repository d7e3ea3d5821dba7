/** What a handler works with: the request, the reply, the file system, and objects that serve every request. */
import { emptyStat } from '../../lib/sys/stat.ts'
import { emptyStatFs } from '../../lib/sys/statfs.ts'
import { noChanges, type Entry, type Filesystem, type HandleId, type Opened } from '../filesystem.ts'
import type { Backings } from './backings.ts'
import { putAttrOut, putEntry, HEADER_OUT, Reply, Request, type Validity } from './codec.ts'
import { DirentPacker } from './dirent.ts'
import { DEFERRED, type Job, type Lanes } from './lanes.ts'

export interface Limits {
  /** Bytes of data in one WRITE. */
  readonly maxWrite: number
  /** Bytes that one READ asks for. */
  readonly maxRead: number
}

export class Exchange {
  readonly filesystem: Filesystem
  readonly backings: Backings
  readonly valid: Validity
  readonly request: Request
  readonly reply: Reply
  readonly packer: DirentPacker

  readonly entry: Entry = { node: 0 as Entry['node'], attributes: emptyStat() }
  readonly opened: Opened = { handle: 0 as HandleId, mode: 0 }
  readonly statfs = emptyStatFs()
  readonly changes = noChanges()

  /** What INIT settled. */
  setxattrExtended = false
  /** Whether STATX is answered. */
  birthTimes = true
  bytesRead = 0
  bytesWritten = 0
  /** Where slow calls go; null: they are done here. */
  lanes: Lanes | null = null
  /** Called by STATFS, which is how our own process knocks at a thread that waits in read(2). */
  onKnock: () => void = () => {}

  constructor(filesystem: Filesystem, backings: Backings, valid: Validity, limits: Limits) {
    this.filesystem = filesystem
    this.backings = backings
    this.valid = valid
    this.request = new Request(limits.maxWrite)
    this.reply = new Reply(limits.maxRead)
    this.packer = new DirentPacker(this.reply, valid)
  }

  /** Answers with `entry` when `result` is 0; otherwise with the errno that it is. */
  entryReply(result: number): number {
    return result < 0 ? result : putEntry(this.reply.view, HEADER_OUT, this.entry, this.valid)
  }

  /** Answers with `entry.attributes`. */
  attributesReply(result: number): number {
    return result < 0 ? result : putAttrOut(this.reply.view, HEADER_OUT, this.entry.attributes, this.valid)
  }

  /** Leaves a slow call to a lane, or does it here. */
  slowly(
    job: Partial<Job> & { readonly operation: number; readonly fd: number },
    here: () => number,
  ): number {
    if (this.lanes === null || job.fd < 0) return here()
    const whole = { to: -1, mode: 0, offset: 0, toOffset: 0, length: 0, ...job }
    return this.lanes.give(whole, this.request) === DEFERRED ? DEFERRED : here()
  }
}
