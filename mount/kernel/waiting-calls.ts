/**
 * The calls that may have to wait for the disk. A lane makes them, and where there is none the thread that serves
 * the mount: both know no more than the job says.
 */
import { descriptorPath } from '../../lib/sys/attributes.ts'
import { errno } from '../../lib/sys/errno.ts'
import { copyFileRange, fallocate, fdatasync, fsync, pread, pwrite, syncfs } from '../../lib/sys/file.ts'
import { AT_EMPTY_PATH, AT_FDCWD, close, O, openat2 } from '../../lib/sys/open.ts'
import { statInto, type MutableStat } from '../../lib/sys/stat.ts'
import { resize } from '../disk/change.ts'
import type { CallerCredentials } from './caller-credentials.ts'
import { CLOSE, type Job } from './job.ts'
import { HEADER_OUT, putAttrOut, type Reply, type Validity } from './protocol/codec.ts'
import { OPCODE } from './protocol/opcode-numbers.ts'
import { copyFileRangeOut, writeOut } from './protocol/structs.ts'

/** What a thread has to make them with. */
export interface CallContext {
  readonly request: { readonly bytes: Uint8Array }
  readonly reply: Reply
  readonly entry: { readonly attributes: MutableStat }
  readonly valid: Validity
  /** Of the thread; null: it is nobody but itself. */
  readonly credentials: CallerCredentials | null
  bytesRead: number
  bytesWritten: number
}

/** The length of an answer, or minus the errno. */
type Call = (job: Job, context: CallContext) => number

/** A file system may give less than there is: only a read of nothing is the end. */
function read(job: Job, context: CallContext): number {
  const { bytes } = context.reply
  let done = 0
  while (done < job.length) {
    const start = HEADER_OUT + done
    const part = pread(job.fd, bytes.subarray(start), job.length - done, job.offset + done)
    if (part < 0 && done === 0) return part
    if (part <= 0) break
    done += part
  }
  context.bytesRead += done
  return done
}

/** Job.mode of a WRITE: the descriptor appends, and these bytes must not. */
export const IN_PLACE = 1

/** Does a call that takes up room, within the limits of whom the job names. */
function spend<A extends unknown[]>(
  job: Job,
  { credentials }: CallContext,
  call: (...args: A) => number,
  ...args: A
): number {
  return credentials === null ? call(...args) : credentials.spendAs(job, call, ...args)
}

/** pwrite(2) with a descriptor that has O_APPEND ignores the offset: another one is opened. */
function inPlace(job: Job, context: CallContext, bytes: Uint8Array): number {
  const other = openat2(AT_FDCWD, descriptorPath(job.fd), O.WRONLY)
  if (other < 0) return other
  const written = spend(job, context, pwrite, other, bytes, bytes.length, job.offset)
  close(other)
  return written
}

function write(job: Job, context: CallContext): number {
  const { fd, start, length, offset } = job
  const bytes = context.request.bytes.subarray(start, start + length)
  const written =
    job.mode === IN_PLACE
      ? inPlace(job, context, bytes)
      : spend(job, context, pwrite, fd, bytes, length, offset)
  if (written < 0) return written
  context.bytesWritten += written
  return context.reply.put(writeOut, { size: written })
}

/** Cuts a file to `offset`: of a large one that is in many pieces, to free the rest takes seconds. */
function cut({ fd, offset }: Job, { reply, entry, valid }: CallContext): number {
  let result = resize(fd, true, offset)
  if (result >= 0) result = statInto(fd, '', AT_EMPTY_PATH, entry.attributes)
  close(fd)
  return result < 0 ? result : putAttrOut(reply.view, HEADER_OUT, entry.attributes, valid)
}

const sync: Call = (job) => (job.mode === 1 ? fdatasync(job.fd) : fsync(job.fd))

const copy = (job: Job, context: CallContext): number =>
  spend(job, context, copyFileRange, job.fd, job.offset, job.to, job.toOffset, job.length, job.mode)

const closing =
  (call: (fd: number) => number): Call =>
  ({ fd }) => {
    const result = call(fd)
    close(fd)
    return result
  }

const calls: Readonly<Record<number, Call>> = {
  [CLOSE]: closing(() => 0),
  [OPCODE.SETATTR]: cut,
  [OPCODE.READ]: read,
  [OPCODE.WRITE]: write,
  [OPCODE.FSYNC]: sync,
  [OPCODE.FSYNCDIR]: sync,
  [OPCODE.SYNCFS]: closing(syncfs),
  [OPCODE.FALLOCATE]: (job, context) =>
    spend(job, context, fallocate, job.fd, job.mode, job.offset, job.length),
  [OPCODE.COPY_FILE_RANGE]: (job, context) => {
    const size = copy(job, context)
    return size < 0 ? size : context.reply.put(writeOut, { size })
  },
  [OPCODE.COPY_FILE_RANGE_64]: (job, context) => {
    const bytes_copied = copy(job, context)
    return bytes_copied < 0 ? bytes_copied : context.reply.put(copyFileRangeOut, { bytes_copied })
  },
}

export const call: Call = (job, context) => calls[job.opcode]?.(job, context) ?? -errno.ENOSYS

/** Those whose descriptor is their own, and closed by them. */
const owners: ReadonlySet<number> = new Set<number>([CLOSE, OPCODE.SETATTR, OPCODE.SYNCFS])

/** Lets go of a job that nobody will do. */
export function abandon(job: Job): void {
  if (owners.has(job.opcode)) close(job.fd)
}
