/** The thread of one lane: makes calls that wait for the disk, and answers the kernel. See lanes.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import { errno, errnoName } from '../../lib/sys/errno.ts'
import { emptyStat } from '../../lib/sys/stat.ts'
import { CallerCredentials } from './caller-credentials.ts'
import { writeReply } from './device.ts'
import { Figures, USAGE } from './figures.ts'
import { JobQueue, now } from './job-queue.ts'
import { CLOSE, type Job } from './job.ts'
import { printLine } from './print-line.ts'
import { Reply } from './protocol/codec.ts'
import { RequestBuffers } from './request-buffers.ts'
import { maxTransfer, type FromThread, type LaneStart } from './thread-messages.ts'
import { abandon, call } from './waiting-calls.ts'

const { memory, figures: shared, thread, valid, trace } = workerData as LaneStart
const queue = new JobQueue(memory.jobs)
const buffers = new RequestBuffers(memory.buffers)
const figures = new Figures(shared, thread)
const reply = new Reply(maxTransfer)
const context = {
  request: { bytes: reply.bytes },
  reply,
  entry: { attributes: emptyStat() },
  valid,
  credentials: new CallerCredentials(),
  bytesRead: 0,
  bytesWritten: 0,
}
const traceReply = trace ? (await import('./trace.ts')).traceReply : null

function attempt(job: Job): number {
  try {
    if (job.buffer >= 0) context.request.bytes = buffers.at(job.buffer)
    return call(job, context)
  } catch (thrown) {
    const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
    parentPort?.postMessage({ type: 'fault', text } satisfies FromThread)
    return -errno.EIO
  }
}

function act(job: Job): void {
  const began = now()
  const result = attempt(job)
  if (job.buffer >= 0) buffers.giveBack(job.buffer)
  const ended = now()
  queue.took(job.opcode, ended - began)
  if (job.opcode === CLOSE) return
  figures.count(job.opcode, ended - job.given)
  figures.usage[USAGE.bytesRead] = context.bytesRead
  figures.usage[USAGE.bytesWritten] = context.bytesWritten
  if (traceReply !== null) printLine(traceReply(job, reply, result, ended - job.given))
  const written = writeReply(job.device, reply.bytes, reply.seal(job, result))
  // Nobody waits for it any more, or the mount is gone.
  if (written === 0 || written === -errno.ENOENT || written === -errno.ENODEV) return
  const text = `the kernel refused a reply to opcode ${job.opcode}: ${errnoName(-written)}`
  parentPort?.postMessage({ type: 'fault', text } satisfies FromThread)
}

queue.join()
parentPort?.postMessage({ type: 'present' } satisfies FromThread)
queue.serve(act, abandon)
