/**
 * Ends calls that wait: a signal to this thread alone, again and again, so that a call which waits answers EINTR
 * soon, whenever it began. What is not interrupted so is not disturbed either: nothing is run but a function of C
 * that does nothing.
 */
import { addressOfFunction, declare, must } from './libc.ts'

const arm = process.arch === 'arm64'
const SYS = {
  gettid: arm ? 178 : 186,
  timer_create: arm ? 107 : 222,
  timer_settime: arm ? 110 : 223,
} as const
/** A real-time signal that neither Node nor the C library uses. */
const SIGNAL = 40
const CLOCK_MONOTONIC = 1
const SIGEV_THREAD_ID = 4

const sigaction = declare<[signal: number, action: Uint8Array, before: null]>(
  'int sigaction(int signal, void *action, void *before)',
)
const syscallPlain = declare<[number]>('long syscall(long number)')
const syscallCreate = declare<[number, number, Uint8Array, Uint8Array]>(
  'long syscall(long number, int clock, void *event, void *timer)',
)
const syscallSet = declare<[number, number, number, Uint8Array, null]>(
  'long syscall(long number, int timer, int flags, void *value, void *before)',
)

export class Ticker {
  readonly #timer: number
  /** struct itimerspec: interval and first, each seconds and nanoseconds. */
  readonly #interval = Buffer.alloc(32)
  readonly #never = Buffer.alloc(32)
  #ticks = false

  /** For the thread that makes it, which alone may use it. Throws SystemError. */
  constructor(milliseconds: number) {
    // struct sigaction of glibc: the handler, then mask, flags and restorer, all of them zeros. Without SA_RESTART.
    const action = Buffer.alloc(152)
    action.writeBigUInt64LE(addressOfFunction('abs'), 0)
    must(sigaction(SIGNAL, action, null), 'sigaction')
    const event = Buffer.alloc(64)
    event.writeInt32LE(SIGNAL, 8)
    event.writeInt32LE(SIGEV_THREAD_ID, 12)
    event.writeInt32LE(syscallPlain(SYS.gettid), 16)
    const timer = Buffer.alloc(4)
    must(syscallCreate(SYS.timer_create, CLOCK_MONOTONIC, event, timer), 'timer_create')
    this.#timer = timer.readInt32LE(0)
    const nanoseconds = BigInt(milliseconds) * 1_000_000n
    this.#interval.writeBigInt64LE(nanoseconds, 8)
    this.#interval.writeBigInt64LE(nanoseconds, 24)
  }

  run(ticks: boolean): void {
    if (ticks === this.#ticks) return
    this.#ticks = ticks
    syscallSet(SYS.timer_settime, this.#timer, 0, ticks ? this.#interval : this.#never, null)
  }
}
