/**
 * Where a thread's requests come from. Waking a thread that sleeps in read(2) takes longer than most requests do.
 * So while one request follows close upon the other, the next is first asked for without sleeping, through a
 * clone of the device that doesn't block. A mount at rest costs nothing by it, a busy one at most `patience` a
 * request.
 */
import { availableParallelism } from 'node:os'
import { performance } from 'node:perf_hooks'
import { errno } from '../../lib/sys/errno.ts'
import { close } from '../../lib/sys/open.ts'
import { read } from '../../lib/sys/stream.ts'
import { cloneDevice, readRequest } from './device.ts'

/** Milliseconds that the next request is asked for before we sleep. */
const patience = 0.01
/** Milliseconds after which a request still followed close: to wake up takes some of them. */
const closeBy = 0.025
/** How often the device is asked between two looks at the clock. */
const asks = 4

export class RequestReader {
  /** The descriptor that brought the last request, and to which its answer must be written. */
  device: number
  readonly #blocking: number
  /** Minus an errno where there is none. */
  readonly #eager: number
  #followsClose = false

  /** `device`: a mounted one, which stays the caller's. */
  constructor(device: number) {
    this.device = this.#blocking = device
    // With one processor, whoever is to make the next request waits for us to sleep.
    this.#eager = availableParallelism() > 1 ? cloneDevice(device) : -errno.ENOSYS
  }

  /**
   * Waits for the next request: its length, or minus the errno. ENODEV: unmounted. ECONNABORTED: aborted.
   */
  next(buffer: Uint8Array): number {
    const began = performance.now()
    if (this.#followsClose) {
      do {
        for (let i = 0; i < asks; i++) {
          const length = read(this.#eager, buffer, buffer.length)
          if (length === -errno.EAGAIN || length === -errno.ENOENT || length === -errno.EINTR) continue
          this.device = this.#eager
          return length
        }
      } while (performance.now() - began < patience)
    }
    this.device = this.#blocking
    const length = readRequest(this.#blocking, buffer)
    this.#followsClose = this.#eager >= 0 && performance.now() - began < closeBy
    return length
  }

  close(): void {
    if (this.#eager >= 0) close(this.#eager)
  }
}
