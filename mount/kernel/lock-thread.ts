/**
 * The thread that waits for locks on the host: see lock-waits.ts. Linux lets nobody wait for one of several locks,
 * so it waits in the kernel for one, like any program, is called out of it by a tick, tries the others, and waits
 * for the next. Who is alone has the lock as soon as it is free; who is one of many, within a tick.
 */
import { workerData } from 'node:worker_threads'
import { errno } from '../../lib/sys/errno.ts'
import { lockRange, lockWhole } from '../../lib/sys/lock.ts'
import { Ticker } from '../../lib/sys/ticker.ts'
import { writeReply } from './device.ts'
import { Figures } from './figures.ts'
import { now } from './job-queue.ts'
import { LockWaiters, type LockWait } from './lock-waits.ts'
import { invalidateAttributes } from './notify.ts'
import { printLine } from './print-line.ts'
import { Reply } from './protocol/codec.ts'
import { OPCODE } from './protocol/opcode-numbers.ts'
import type { LockStart } from './thread-messages.ts'

/** Milliseconds. */
const tick = 10

const { locks, figures: shared, thread, trace } = workerData as LockStart
const waiters = new LockWaiters(locks)
const ticker = new Ticker(tick)
const figures = new Figures(shared, thread)
const reply = new Reply(0)
const traceReply = trace ? (await import('./trace.ts')).traceReply : null

function attempt({ fd, whole, type, start, length }: LockWait, waits: boolean): number {
  return whole ? lockWhole(fd, type, waits) : lockRange(fd, type, start, length, waits)
}

function answer(slot: number, wait: LockWait, result: number): void {
  waiters.answered(slot)
  if (result === 0) invalidateAttributes(wait.device, wait.node)
  const nanoseconds = now() - wait.given
  figures.count(OPCODE.SETLKW, nanoseconds)
  if (traceReply !== null) {
    printLine(traceReply({ ...wait, opcode: OPCODE.SETLKW }, reply, result, nanoseconds))
  }
  writeReply(wait.device, reply.bytes, reply.seal(wait, result))
}

let turn = 0
for (;;) {
  ticker.run(false)
  const left: [number, LockWait][] = []
  for (const [slot, wait] of waiters.all()) {
    const result = waiters.isInterrupted(slot) ? -errno.EINTR : attempt(wait, false)
    if (result === -errno.EAGAIN) left.push([slot, wait])
    else answer(slot, wait, result)
  }
  const [slot, wait] = left[turn++ % left.length] ?? []
  if (slot === undefined || wait === undefined) continue
  ticker.run(true)
  const result = attempt(wait, true)
  if (result !== -errno.EINTR) answer(slot, wait, result)
}
