/** One connection to the kernel: INIT, then request after request until the mount is gone. */
import { performance } from 'node:perf_hooks'
import { errno, errnoName } from '../../lib/sys/errno.ts'
import { writeReply } from './device.ts'
import type { Exchange } from './exchange.ts'
import type { Figures } from './figures.ts'
import { SLOW } from './job-queue.ts'
import { DEFERRED } from './lanes.ts'
import { operations } from './operations.ts'
import { changes } from './parked.ts'
import { INIT, INIT2 } from './protocol/flags.ts'
import { negotiate, type Wishes } from './protocol/negotiate.ts'
import { OPCODE } from './protocol/opcode-numbers.ts'
import { initIn, initInExt, initOut } from './protocol/structs.ts'
import { Malformed } from './protocol/wire.ts'
import type { RequestReader } from './request-reader.ts'
import { traceReply, traceRequest } from './trace.ts'

/** Where a session tells what it can't tell the kernel. */
export interface Witness {
  /** INIT is settled and answered. */
  ready(): void
  /** A handler threw: a bug of ours; the request was answered with EIO. */
  fault(opcode: number, thrown: unknown): void
  line(text: string): void
  /** Requests wait for the disk's file system to thaw, or wait no more: until then somebody must wake us now and then. */
  frozen(waits: boolean): void
}

export class Session {
  readonly #reader: RequestReader
  readonly #x: Exchange
  readonly #wishes: Wishes
  readonly #figures: Figures
  readonly #witness: Witness
  readonly #trace: boolean
  #destroyed = false
  #ready = false
  #announced = false

  constructor(
    reader: RequestReader,
    exchange: Exchange,
    wishes: Wishes,
    figures: Figures,
    witness: Witness,
    trace: boolean,
  ) {
    this.#reader = reader
    this.#x = exchange
    this.#wishes = wishes
    this.#figures = figures
    this.#witness = witness
    this.#trace = trace
  }

  /** Serves until the kernel is done with us: 0 when unmounted, or minus the errno that ended it. */
  run(): number {
    const reader = this.#reader
    const { request, parked } = this.#x
    for (;;) {
      const length = reader.next(request.bytes)
      if (length === -errno.ENODEV) return 0
      if (length < 0) return this.#destroyed ? 0 : length
      request.device = reader.device
      const answer = this.answer(length)
      if (answer > 0 && this.#send(answer) === -errno.ENODEV) return 0
      if (parked.size > 0) this.#serveParked()
    }
  }

  /** 0, or minus the errno. */
  #send(length: number): number {
    const { request, reply } = this.#x
    const written = writeReply(request.device, reply.bytes, length)
    if (this.#ready && !this.#announced) {
      this.#announced = true
      this.#witness.ready()
    }
    if (written !== 0 && written !== -errno.ENOENT && written !== -errno.ENODEV) {
      this.#witness.line(`the kernel refused a reply to opcode ${request.opcode}: ${errnoName(-written)}`)
    }
    return written
  }

  /** Serves what waits for a thaw, if there was one. */
  #serveParked(): void {
    const { filesystem, parked, request } = this.#x
    if (filesystem.isFrozen()) return
    for (const { bytes, device, answered } of parked.takeAll()) {
      request.bytes.set(bytes)
      request.device = device
      const answer = this.answer(bytes.length)
      if (answer > 0 && !answered) this.#send(answer)
    }
    if (parked.size === 0) this.#witness.frozen(false)
  }

  /** Puts the request aside: the length of its reply, or 0 when it has none yet. */
  #park(length: number): number {
    const { parked, request, reply } = this.#x
    if (parked.size === 0) this.#witness.frozen(true)
    const refused = parked.add(request, length, -errno.EAGAIN)
    const released = request.opcode === OPCODE.RELEASE || request.opcode === OPCODE.RELEASEDIR
    return refused < 0 || released ? reply.seal(request, refused) : 0
  }

  /** Serves the `length` bytes in the request's buffer: the length of the reply, or 0 when there is none. */
  answer(length: number): number {
    const x = this.#x
    const { request, reply } = x
    try {
      request.open(length)
    } catch (thrown) {
      if (!(thrown instanceof Malformed)) throw thrown
      // Without a header there is nobody to answer.
      return 0
    }
    if (changes(request, x.filesystem) && x.filesystem.isFrozen()) return this.#park(length)
    const began = performance.now()
    if (this.#trace) this.#witness.line(traceRequest(request))
    const operation = operations[request.opcode]
    let result: number
    try {
      if (operation !== undefined) result = operation.run(x)
      else if (request.opcode === OPCODE.INIT) result = this.#init()
      else if (request.opcode === OPCODE.DESTROY) result = this.#destroy()
      else result = -errno.ENOSYS
    } catch (thrown) {
      result = -errno.EINVAL
      if (!(thrown instanceof Malformed)) {
        this.#witness.fault(request.opcode, thrown)
        result = -errno.EIO
      }
    }
    const nanoseconds = (performance.now() - began) * 1e6
    if (nanoseconds >= SLOW) x.lanes?.took(request.opcode, nanoseconds)
    if (result === DEFERRED) this.#figures.spend(request.opcode, nanoseconds)
    else this.#figures.count(request.opcode, nanoseconds)
    if (this.#trace) this.#witness.line(traceReply(request, reply, result, nanoseconds))
    if (result === DEFERRED) return 0
    return operation?.replies === false ? 0 : reply.seal(request, result)
  }

  #init(): number {
    const { request, reply, backings } = this.#x
    const offer = request.take(initIn)
    const extended = (offer.flags & INIT.INIT_EXT) !== 0 && request.end - request.at >= initInExt.size
    const flags2 = extended ? request.take(initInExt).flags2 : 0
    const settled = negotiate({ ...offer, maxReadahead: offer.max_readahead, flags2 }, this.#wishes)
    if (settled.kind === 'refused') return -settled.errno
    if (settled.kind === 'settled') {
      const { out } = settled
      this.#x.setxattrExtended = (out.flags & INIT.SETXATTR_EXT) !== 0
      backings.enabled = (out.flags2 & INIT2.PASSTHROUGH) !== 0
      backings.noFlush = offer.minor >= 35 && this.#x.locks === null
      this.#ready = true
    }
    return reply.put(initOut, settled.out)
  }

  #destroy(): number {
    this.#destroyed = true
    return 0
  }
}
