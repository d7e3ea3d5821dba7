/**
 * Programs that wait for a lock on the host. The serving thread notes them here, and one thread of their own waits
 * for all of them (lock-thread.ts), however many they are: it answers the kernel when a lock is had, or with EINTR
 * when the kernel says that the program was interrupted.
 *
 * A slot in the shared memory goes from FREE to WAITING and INTERRUPTED by the serving thread, to ANSWERED by the
 * other one, and to FREE by the first again.
 */
import type { NodeId } from '../filesystem.ts'

const SLOTS = 1024
const SLOT_BYTES = 64
/** Int32 words before the slots: the first counts what was put. */
const CONTROL_WORDS = 16

const FREE = 0
const WAITING = 1
const INTERRUPTED = 2
const ANSWERED = 3

/** The request that waits, and for what. */
export interface LockWait {
  uniqueLow: number
  uniqueHigh: number
  /** The device's descriptor that brought it, and that alone takes its answer. */
  device: number
  /** When it was left to the other thread, in nanoseconds of the machine's monotonic clock. */
  given: number
  node: NodeId
  /** Whose descriptor the lock is taken through. */
  fd: number
  /** flock(2) instead of a range. */
  whole: boolean
  /** Of F. */
  type: number
  start: bigint
  /** 0: to the end. */
  length: bigint
}

export const emptyWait = (): LockWait => ({
  uniqueLow: 0,
  uniqueHigh: 0,
  device: -1,
  given: 0,
  node: 0 as NodeId,
  fd: -1,
  whole: false,
  type: 0,
  start: 0n,
  length: 0n,
})

class Slots {
  static readonly bytes = CONTROL_WORDS * 4 + SLOTS * SLOT_BYTES
  readonly words: Int32Array
  readonly #view: DataView

  constructor(shared: SharedArrayBuffer) {
    this.words = new Int32Array(shared)
    this.#view = new DataView(shared)
  }

  /** The word that holds a slot's state. */
  word(slot: number): number {
    return CONTROL_WORDS + (slot * SLOT_BYTES) / 4
  }

  state(slot: number): number {
    return Atomics.load(this.words, this.word(slot))
  }

  set(slot: number, state: number): void {
    Atomics.store(this.words, this.word(slot), state)
  }

  write(slot: number, wait: LockWait): void {
    const at = this.word(slot) * 4
    const view = this.#view
    view.setUint32(at + 4, wait.uniqueLow)
    view.setUint32(at + 8, wait.uniqueHigh)
    view.setInt32(at + 12, wait.device)
    view.setFloat64(at + 16, wait.node)
    view.setInt32(at + 24, wait.fd)
    view.setUint32(at + 28, wait.whole ? 1 : 0)
    view.setInt32(at + 32, wait.type)
    view.setBigInt64(at + 40, wait.start)
    view.setBigInt64(at + 48, wait.length)
    view.setFloat64(at + 56, wait.given)
  }

  read(slot: number): LockWait {
    const at = this.word(slot) * 4
    const view = this.#view
    return {
      uniqueLow: view.getUint32(at + 4),
      uniqueHigh: view.getUint32(at + 8),
      device: view.getInt32(at + 12),
      node: view.getFloat64(at + 16) as NodeId,
      fd: view.getInt32(at + 24),
      whole: view.getUint32(at + 28) === 1,
      type: view.getInt32(at + 32),
      start: view.getBigInt64(at + 40),
      length: view.getBigInt64(at + 48),
      given: view.getFloat64(at + 56),
    }
  }
}

export const lockWaitBytes = Slots.bytes

/** The serving thread's end. */
export class LockWaits {
  readonly #slots: Slots
  readonly #free = Array.from({ length: SLOTS }, (_, index) => SLOTS - 1 - index)
  readonly #waiting = new Map<number, { readonly wait: LockWait; readonly ended: () => void }>()
  readonly #summon: () => void
  #summoned = false

  /** `summon` asks for the thread to be started. */
  constructor(shared: SharedArrayBuffer, summon: () => void) {
    this.#slots = new Slots(shared)
    this.#summon = summon
  }

  /**
   * Whether the request will be answered by the other thread: false when too many wait. `ended` is called by
   * `collect` some time after it was.
   */
  add(wait: LockWait, ended: () => void): boolean {
    const slot = this.#free.pop()
    if (slot === undefined) return false
    this.#slots.write(slot, wait)
    this.#slots.set(slot, WAITING)
    this.#waiting.set(slot, { wait: { ...wait }, ended })
    Atomics.add(this.#slots.words, 0, 1)
    Atomics.notify(this.#slots.words, 0)
    if (!this.#summoned) this.#summon()
    this.#summoned = true
    return true
  }

  get count(): number {
    return this.#waiting.size
  }

  /** The program that waits with this request is to wait no more. */
  interrupt(uniqueLow: number, uniqueHigh: number): void {
    for (const [slot, { wait }] of this.#waiting) {
      if (wait.uniqueLow !== uniqueLow || wait.uniqueHigh !== uniqueHigh) continue
      const { words } = this.#slots
      Atomics.compareExchange(words, this.#slots.word(slot), WAITING, INTERRUPTED)
      return
    }
  }

  /** Takes back the slots of those who were answered. */
  collect(): void {
    for (const [slot, { ended }] of this.#waiting) {
      if (this.#slots.state(slot) !== ANSWERED) continue
      this.#waiting.delete(slot)
      this.#slots.set(slot, FREE)
      this.#free.push(slot)
      ended()
    }
  }
}

/** The other thread's end. */
export class LockWaiters {
  readonly #slots: Slots
  /** By their slots, the longest waiting first. */
  readonly #known = new Map<number, LockWait>()
  #seen = 0

  constructor(shared: SharedArrayBuffer) {
    this.#slots = new Slots(shared)
  }

  /** Who waits now. Sleeps while nobody does. */
  all(): Iterable<[slot: number, wait: LockWait]> {
    const { words } = this.#slots
    for (;;) {
      const put = Atomics.load(words, 0)
      if (put !== this.#seen) this.#look()
      this.#seen = put
      if (this.#known.size > 0) return this.#known
      Atomics.wait(words, 0, put)
    }
  }

  isInterrupted(slot: number): boolean {
    return this.#slots.state(slot) === INTERRUPTED
  }

  answered(slot: number): void {
    this.#known.delete(slot)
    this.#slots.set(slot, ANSWERED)
  }

  #look(): void {
    for (let slot = 0; slot < SLOTS; slot++) {
      const state = this.#slots.state(slot)
      if ((state === WAITING || state === INTERRUPTED) && !this.#known.has(slot)) {
        this.#known.set(slot, this.#slots.read(slot))
      }
    }
  }
}
