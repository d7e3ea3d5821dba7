/** The thread of one lane: does slow calls and answers the kernel. See lanes.ts. */
import { workerData } from 'node:worker_threads'
import { copyFileRange, fallocate, fdatasync, fsync, syncfs } from '../../lib/sys/file.ts'
import { AT_FDCWD, close, O, openat2 } from '../../lib/sys/open.ts'
import { HEADER_OUT } from './codec.ts'
import { writeReply } from './device.ts'
import { serveLane, type Job } from './lanes.ts'
import { COPY_FILE_RANGE, COPY_FILE_RANGE_64, FALLOCATE, FSYNC, FSYNCDIR, SYNCFS } from './opcode.ts'
import { copyFileRangeOut, writeOut } from './structs.ts'
import type { LaneStart } from './thread-messages.ts'

const { lanes, index, root } = workerData as LaneStart
const reply = Buffer.from(new ArrayBuffer(HEADER_OUT + 8))
const view = new DataView(reply.buffer)

const sync = (job: Job): number => (job.mode === 1 ? fdatasync(job.fd) : fsync(job.fd))
const copy = (job: Job): number =>
  copyFileRange(job.fd, job.offset, job.to, job.toOffset, job.length, job.mode)

/** The answer's length behind the header, or minus the errno. */
const calls: Readonly<Record<number, (job: Job) => number>> = {
  [FSYNC]: sync,
  [FSYNCDIR]: sync,
  [SYNCFS]: () => {
    const fd = openat2(AT_FDCWD, root, O.RDONLY | O.DIRECTORY)
    if (fd < 0) return fd
    const result = syncfs(fd)
    close(fd)
    return result
  },
  [FALLOCATE]: (job) => fallocate(job.fd, job.mode, job.offset, job.length),
  [COPY_FILE_RANGE]: (job) => {
    const copied = copy(job)
    if (copied < 0) return copied
    writeOut.write(view, HEADER_OUT, { size: copied })
    return writeOut.size
  },
  [COPY_FILE_RANGE_64]: (job) => {
    const copied = copy(job)
    if (copied < 0) return copied
    copyFileRangeOut.write(view, HEADER_OUT, { bytes_copied: copied })
    return copyFileRangeOut.size
  },
}

serveLane(lanes, index, (job, device, uniqueLow, uniqueHigh) => {
  const result = calls[job.operation]?.(job) ?? 0
  const length = HEADER_OUT + Math.max(result, 0)
  view.setUint32(0, length, true)
  view.setInt32(4, Math.min(result, 0), true)
  view.setUint32(8, uniqueLow, true)
  view.setUint32(12, uniqueHigh, true)
  writeReply(device, reply, length)
})
