/**
 * The thread that waits for locks on the host: see lock-waits.ts. Linux lets nobody wait for one of several locks,
 * so it waits in the kernel for one, like any program, is called out of it by a tick, tries the others, and waits
 * for the next. Who is alone has the lock as soon as it is free; who is one of many, within a tick.
 */
import { workerData } from 'node:worker_threads'
import { errno } from '../../lib/sys/errno.ts'
import { F, flock, LOCK, lockRange } from '../../lib/sys/lock.ts'
import { Ticker } from '../../lib/sys/ticker.ts'
import { HEADER_OUT } from './codec.ts'
import { writeReply } from './device.ts'
import { LockWaiters, type LockWait } from './lock-waits.ts'
import { invalidateAttributes } from './notify.ts'
import type { LockStart } from './thread-messages.ts'

/** Milliseconds. */
const tick = 10

const { locks } = workerData as LockStart
const waiters = new LockWaiters(locks)
const ticker = new Ticker(tick)
const reply = Buffer.from(new ArrayBuffer(HEADER_OUT))
const view = new DataView(reply.buffer)

function attempt({ fd, whole, type, start, length }: LockWait, waits: boolean): number {
  if (!whole) return lockRange(fd, type, start, length, waits)
  return flock(fd, (type === F.RDLCK ? LOCK.SH : LOCK.EX) | (waits ? 0 : LOCK.NB))
}

function answer(place: number, wait: LockWait, result: number): void {
  waiters.answered(place)
  if (result === 0) invalidateAttributes(wait.device, wait.node)
  view.setUint32(0, HEADER_OUT, true)
  view.setInt32(4, result, true)
  view.setUint32(8, wait.uniqueLow, true)
  view.setUint32(12, wait.uniqueHigh, true)
  writeReply(wait.device, reply, HEADER_OUT)
}

let turn = 0
for (;;) {
  ticker.run(false)
  const left: [number, LockWait][] = []
  for (const [place, wait] of waiters.all()) {
    const result = waiters.isInterrupted(place) ? -errno.EINTR : attempt(wait, false)
    if (result === -errno.EAGAIN) left.push([place, wait])
    else answer(place, wait, result)
  }
  const [place, wait] = left[turn++ % left.length] ?? []
  if (place === undefined || wait === undefined) continue
  ticker.run(true)
  const result = attempt(wait, true)
  if (result !== -errno.EINTR) answer(place, wait, result)
}
