/**
 * The sorted names of the directories that this process lately listed, within a bound of bytes.
 *
 * Kept names are trusted in one of two ways. A large directory on a local file system is watched: the journal
 * says which names changed, and those alone are asked again. Any other is trusted while its ctime is the one
 * that it had when it was read, provided that this lay further back than the clock's granularity: a change in the
 * same tick would show nowhere.
 */
import { rewind } from '../sys/directory.ts'
import { cstring, must } from '../sys/libc.ts'
import { AT_SYMLINK_NOFOLLOW } from '../sys/open.ts'
import { modeAt, type Stat } from '../sys/stat.ts'
import { LRUCache } from '../lru.ts'
import { DirectoryReader } from './directory-reader.ts'
import { Journal, type Watch } from './journal.ts'
import { Names } from './names.ts'
import { kindOfMode } from './packed.ts'

/** Names from which on a directory is watched, and read in slices. */
const large = 4096
/** Milliseconds of work between two turns of the event loop. */
const slice = 10
/** Milliseconds that a directory's ctime must lie back to tell apart what changes after it was read. */
const settled = { local: 50, remote: 3000 }
/** Milliseconds after which a change that the journal knows nothing of is believed. */
const doubt = 1000

interface Kept {
  readonly names: Names
  readonly watch: Watch | undefined
  /** Its directory's, as last seen to agree with the names; undefined while that isn't known. */
  ctime: string | undefined
  /** When `ctime` was first seen to differ without an event, in performance.now() milliseconds. */
  doubted: number | undefined
}

export class Directories {
  readonly #kept: LRUCache<string, Kept>
  readonly #journal = new Journal()
  readonly #reading = new Map<string, Promise<void>>()

  /** `bytes`: what the kept names may take together. */
  constructor(bytes: number) {
    this.#kept = new LRUCache<string, Kept>({
      maxSize: bytes,
      sizeCalculation: ({ names }) => names.byteLength,
      dispose: ({ watch }) => {
        if (watch !== undefined) this.#journal.stop(watch)
      },
    })
  }

  /**
   * The names in the directory behind `fd`, which was just opened for reading and stated: all that had happened
   * when this was called is in them. `fd` stays its owner's and open until the answer is there. `remote`: other
   * machines may change it. Throws SystemError.
   */
  names(fd: number, stat: Stat, remote: boolean): Names | Promise<Names> {
    const key = `${stat.dev}:${stat.ino}`
    const kept = this.#current(key, fd, stat)
    if (kept !== undefined) return kept.names
    if (this.#reading.has(key)) return this.#readLarge(key, fd, stat, remote)
    const started = Date.now()
    const reader = new DirectoryReader(fd)
    while (!reader.complete && reader.count < large) must(reader.read(), 'getdents64')
    if (!reader.complete) return this.#readLarge(key, fd, stat, remote)
    const packed = reader.work(Infinity)
    if (packed === undefined || typeof packed === 'number') throw new RangeError('unreachable')
    const names = new Names(packed)
    this.#keep(
      key,
      { names, watch: undefined, ctime: ctimeOf(stat), doubted: undefined },
      started,
      stat,
      remote,
    )
    return names
  }

  close(): void {
    this.#kept.clear()
    this.#journal.close()
  }

  #keep(key: string, kept: Kept, started: number, stat: Stat, remote: boolean): void {
    const age = started - (stat.ctime * 1000 + stat.ctimeNs / 1e6)
    const trusted =
      kept.watch === undefined ? age > (remote ? settled.remote : settled.local) : !kept.watch.lost
    if (trusted) this.#kept.set(key, kept)
    if (kept.watch !== undefined && this.#kept.peek(key) !== kept) this.#journal.stop(kept.watch)
  }

  #current(key: string, fd: number, stat: Stat): Kept | undefined {
    const kept = this.#kept.get(key)
    if (kept === undefined) return undefined
    const { watch } = kept
    const ctime = ctimeOf(stat)
    if (watch === undefined) {
      if (kept.ctime === ctime) return kept
    } else {
      this.#journal.drain()
      if (!watch.lost && this.#follows(kept, watch, fd, ctime)) return kept
    }
    this.#kept.delete(key)
    return undefined
  }

  /** Brings watched names up to date; false where they can't be trusted. */
  #follows(kept: Kept, watch: Watch, fd: number, ctime: string): boolean {
    if (watch.changed.size > 0) {
      for (const name of watch.changed) {
        const mode = modeAt(fd, cstring(Buffer.from(name, 'latin1')), AT_SYMLINK_NOFOLLOW)
        kept.names.set(name, mode < 0 ? undefined : kindOfMode(mode))
      }
      watch.changed.clear()
      kept.ctime = undefined
      kept.doubted = undefined
      return true
    }
    kept.ctime ??= ctime
    if (kept.ctime === ctime) {
      kept.doubted = undefined
      return true
    }
    // A change under way bumps the ctime before its event is queued. If no event follows, somebody set the times.
    kept.doubted ??= performance.now()
    return performance.now() - kept.doubted < doubt
  }

  /** One at a time reads a large directory; who waited looks first whether what was read will do. */
  async #readLarge(key: string, fd: number, stat: Stat, remote: boolean): Promise<Names> {
    for (;;) {
      const reading = this.#reading.get(key)
      if (reading === undefined) break
      await reading
      const kept = this.#current(key, fd, stat)
      if (kept !== undefined) return kept.names
    }
    const names = this.#readSliced(key, fd, stat, remote)
    const settled = names.then(
      () => undefined,
      () => undefined,
    )
    this.#reading.set(key, settled)
    try {
      return await names
    } finally {
      this.#reading.delete(key)
    }
  }

  async #readSliced(key: string, fd: number, stat: Stat, remote: boolean): Promise<Names> {
    const watch = remote ? undefined : this.#journal.watch(fd)
    try {
      const started = Date.now()
      must(rewind(fd), 'lseek')
      const reader = new DirectoryReader(fd)
      for (;;) {
        const packed = reader.work(performance.now() + slice)
        if (typeof packed === 'number') must(packed, 'getdents64')
        else if (packed !== undefined) {
          const names = new Names(packed)
          const kept: Kept = { names, watch, ctime: ctimeOf(stat), doubted: undefined }
          if (watch !== undefined) {
            this.#journal.drain()
            this.#follows(kept, watch, fd, ctimeOf(stat))
            kept.ctime = undefined
          }
          this.#keep(key, kept, started, stat, remote)
          return names
        }
        await new Promise((done) => setImmediate(done))
      }
    } catch (error) {
      if (watch !== undefined) this.#journal.stop(watch)
      throw error
    }
  }
}

const ctimeOf = (stat: Stat): string => `${stat.ctime}.${stat.ctimeNs}`
