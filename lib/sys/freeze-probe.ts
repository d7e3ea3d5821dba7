/**
 * Whether a file system is frozen (fsfreeze(8), ioctl FIFREEZE: for the length of a snapshot, say), so that whoever changes
 * something waits until it thaws. Linux tells nobody. But a write by io_uring(7) that mustn't wait is refused then, before it
 * comes to what is to be written: here nothing, to a file without a name.
 */
import { errno } from './errno.ts'
import { declare, viewOf } from './libc.ts'
import { close, O, openat2 } from './open.ts'

/** The same on every architecture. */
const SYS = { setup: 425, enter: 426 } as const
/** sys/mman.h: PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE. */
const [PROT, MAP] = [3, 0x8001]
/** linux/io_uring.h */
const OFF_SQES = 0x10000000
const ENTER_GETEVENTS = 1
const OP_WRITE = 23
const SQE_BYTES = 64
/** linux/fs.h */
const RWF_NOWAIT = 8
/** struct io_uring_params: where the offsets of the two rings begin. */
const SQ_OFF = 40
const CQ_OFF = 80

const setup = declare<[number, number, Uint8Array]>('long syscall(long number, uint entries, void *params)')
const enter = declare<[number, number, number, number, number, null, number]>(
  'long syscall(long number, int fd, uint submit, uint wait, uint flags, void *signals, size_t size)',
)
const mmap = declare<[null, number, number, number, number, number]>(
  'int64_t mmap(void *at, size_t length, int protection, int flags, int fd, int64_t offset)',
)
const munmap = declare<[number, number]>('int munmap(int64_t at, size_t length)')

interface Ring {
  readonly fd: number
  /** Int32 words: the submission queue's tail and its mask's value, the completion queue's head, and its first entry. */
  readonly words: Int32Array
  readonly tail: number
  readonly head: number
  readonly results: number
  readonly entries: DataView
  readonly mask: number
  unmap(): void
}

/** A ring for one request at a time, or minus the errno: ENOSYS and EPERM where there is no io_uring for us. */
function newRing(): Ring | number {
  const params = Buffer.alloc(120)
  const fd = setup(SYS.setup, 1, params)
  if (fd < 0) return fd
  const at = (offset: number) => params.readUInt32LE(offset)
  const [requests, answers] = [at(0), at(4)]
  const length = Math.max(at(SQ_OFF + 24) + requests * 4, at(CQ_OFF + 20) + answers * 16)
  const rings = mmap(null, length, PROT, MAP, fd, 0)
  const entries = mmap(null, requests * SQE_BYTES, PROT, MAP, fd, OFF_SQES)
  const unmap = () => {
    if (rings > 0) munmap(rings, length)
    if (entries > 0) munmap(entries, requests * SQE_BYTES)
    close(fd)
  }
  // Both are shared from the first kernel on that has what is asked below.
  if (rings < 0 || entries < 0) {
    unmap()
    return Math.min(rings, entries)
  }
  return {
    fd,
    words: new Int32Array(viewOf(rings, length)),
    tail: at(SQ_OFF + 4) / 4,
    head: at(CQ_OFF) / 4,
    results: at(CQ_OFF + 20) / 4,
    entries: new DataView(viewOf(entries, requests * SQE_BYTES)),
    mask: answers - 1,
    unmap,
  }
}

export class FreezeProbe {
  readonly #file: number
  readonly #ring: Ring

  private constructor(file: number, ring: Ring) {
    this.#file = file
    this.#ring = ring
    const { entries } = ring
    entries.setUint8(0, OP_WRITE)
    entries.setInt32(4, file, true)
    entries.setUint32(28, RWF_NOWAIT, true)
  }

  /**
   * A probe of the file system that `directory`, a descriptor, lies on, or minus the errno that there is none for. It has a
   * file open for writing there, as long as it lives.
   */
  static of(directory: number): FreezeProbe | number {
    const file = openat2(directory, '.', O.TMPFILE | O.RDWR | O.DIRECT, 0, 0o600)
    if (file < 0) return file
    const ring = newRing()
    if (typeof ring === 'number') {
      close(file)
      return ring
    }
    const probe = new FreezeProbe(file, ring)
    const answer = probe.#ask()
    if (answer === 0 || answer === -errno.EAGAIN) return probe
    probe.close()
    return answer
  }

  /** At this moment. */
  get isFrozen(): boolean {
    return this.#ask() === -errno.EAGAIN
  }

  close(): void {
    this.#ring.unmap()
    close(this.#file)
  }

  #ask(): number {
    const { fd, words, tail, head, results, mask } = this.#ring
    words[tail] = ((words[tail] ?? 0) + 1) | 0
    const submitted = enter(SYS.enter, fd, 1, 1, ENTER_GETEVENTS, null, 0)
    if (submitted < 0) return submitted
    const first = words[head] ?? 0
    // struct io_uring_cqe: u64 user_data, s32 res, u32 flags.
    const answer = words[results + (first & mask) * 4 + 2] ?? 0
    words[head] = (first + 1) | 0
    return answer
  }
}
