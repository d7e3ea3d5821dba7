/**
 * Which names changed in directories that somebody watches, exactly: an event is queued before the call that
 * caused it returns, so whoever drains the queue knows all that had happened by then. What the kernel could
 * not keep shows as a watch that is lost.
 */
import { IN, inotifyAdd, inotifyOpen, inotifyRemove, read } from '../sys/inotify.ts'
import { close } from '../sys/open.ts'

const mask = IN.CREATE | IN.DELETE | IN.MOVED_FROM | IN.MOVED_TO | IN.DELETE_SELF | IN.ONLYDIR
/** Names in one watch; with more, reading the directory anew is no dearer, and holds nobody up. */
const most = 8192
/** How often the queue is emptied while nobody lists, in milliseconds, lest it overflow. */
const interval = 250

export class Watch {
  /** Names whose entries changed since they were last taken, latin1. */
  changed = new Set<string>()
  /** Something was missed: what was known of the directory can't be brought up to date. */
  lost = false
  readonly number: number

  constructor(number: number) {
    this.number = number
  }

  lose(): void {
    this.lost = true
    this.changed.clear()
  }
}

export class Journal {
  #queue = -1
  #watches = new Map<number, Watch>()
  #timer: NodeJS.Timeout | undefined
  readonly #buffer = Buffer.alloc(64 * 1024)

  /** Watches the directory behind `fd` from now on; undefined where that can't be had. One watch a directory. */
  watch(fd: number): Watch | undefined {
    if (this.#queue < 0) this.#queue = inotifyOpen()
    if (this.#queue < 0) return undefined
    const number = inotifyAdd(this.#queue, `/proc/self/fd/${fd}`, mask)
    if (number < 0) return undefined
    // The same directory under another name of ours: both would take each other's events.
    this.#watches.get(number)?.lose()
    const watch = new Watch(number)
    this.#watches.set(number, watch)
    this.#timer ??= setInterval(() => this.drain(), interval).unref()
    return watch
  }

  stop(watch: Watch): void {
    if (this.#watches.get(watch.number) !== watch) return
    this.#watches.delete(watch.number)
    inotifyRemove(this.#queue, watch.number)
    if (this.#watches.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** Takes note of all that has happened until now. */
  drain(): void {
    if (this.#watches.size === 0) return
    for (;;) {
      const filled = read(this.#queue, this.#buffer, this.#buffer.length)
      if (filled <= 0) return
      for (let at = 0; at < filled;) {
        const length = this.#buffer.readUInt32LE(at + 12)
        this.#note(at, length)
        at += 16 + length
      }
    }
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    for (const watch of this.#watches.values()) watch.lose()
    this.#watches.clear()
    if (this.#queue >= 0) close(this.#queue)
    this.#queue = -1
  }

  #note(at: number, length: number): void {
    const events = this.#buffer.readUInt32LE(at + 4)
    if ((events & IN.Q_OVERFLOW) !== 0) {
      for (const watch of this.#watches.values()) watch.lose()
      return
    }
    const number = this.#buffer.readInt32LE(at)
    const watch = this.#watches.get(number)
    if (watch === undefined) return
    if ((events & (IN.DELETE_SELF | IN.UNMOUNT | IN.IGNORED)) !== 0) {
      watch.lose()
      if ((events & IN.IGNORED) !== 0) this.#watches.delete(number)
    } else if (length > 0 && !watch.lost) {
      const start = at + 16
      watch.changed.add(this.#buffer.toString('latin1', start, this.#buffer.indexOf(0, start)))
      if (watch.changed.size > most) watch.lose()
    }
  }
}
