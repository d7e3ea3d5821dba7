/** What a handler works with: the request, the reply, the file system, and objects that serve every request. */
import { ioBufferOver, type IoBuffer } from '../../lib/sys/read.ts'
import { emptyStat } from '../../lib/sys/stat.ts'
import { emptyStatFs } from '../../lib/sys/statfs.ts'
import { noChanges, type Entry, type Filesystem, type HandleId, type Opened } from '../filesystem.ts'
import type { Backings } from './backings.ts'
import type { CallerCredentials } from './caller-credentials.ts'
import type { HostLocks } from './host-locks.ts'
import { Job } from './job.ts'
import { DEFERRED, type Lanes } from './lanes.ts'
import { Parked } from './parked.ts'
import { putAttrOut, putEntry, HEADER_OUT, Reply, Request, type Validity } from './protocol/codec.ts'
import { DirentPacker } from './protocol/dirent.ts'
import { call } from './waiting-calls.ts'

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
  readonly job = new Job()
  /** The reply's room for data. */
  readonly data: IoBuffer

  /** What INIT settled. */
  setxattrExtended = false
  /** Whether STATX is answered. */
  birthTimes = true
  bytesRead = 0
  bytesWritten = 0
  /** Of the thread; null: it acts as nobody but itself. */
  credentials: CallerCredentials | null = null
  /** Where slow calls go; null: they are done here. */
  lanes: Lanes | null = null
  /** Requests that wait for a thaw. */
  readonly parked = new Parked()
  /** null: locks are the kernel's. */
  locks: HostLocks | null = null
  /** Called by STATFS: our own process asks for it to have a thread that waits in read(2) look up. */
  onWake: () => void = () => {}

  constructor(filesystem: Filesystem, backings: Backings, valid: Validity, limits: Limits) {
    this.filesystem = filesystem
    this.backings = backings
    this.valid = valid
    this.request = new Request(limits.maxWrite)
    this.reply = new Reply(limits.maxRead)
    this.data = ioBufferOver(this.reply.bytes.subarray(HEADER_OUT))
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

  /** Leaves `job` to a lane, or does it here. */
  slowly(): number {
    if (this.lanes?.give(this.job, this.request) === true) return DEFERRED
    return call(this.job, this)
  }
}
