/**
 * Locks on files. flock(2) and F_OFD_SETLK locks belong to an open file description: they end with it, and thus with
 * the processes that have it open, however those end.
 */
import { closeSync, constants, ftruncateSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { errno } from './errno.ts'
import { declare, must } from './libc.ts'
import { O } from './open.ts'

/** `operation`: of LOCK. -EAGAIN: another holds it, and NB was given. */
export const flock = declare<[fd: number, operation: number]>('int flock(int fd, int operation)')
/** sys/file.h */
export const LOCK = { SH: 1, EX: 2, NB: 4, UN: 8 } as const

/** Types of range locks (asm-generic/fcntl.h). */
export const F = { RDLCK: 0, WRLCK: 1, UNLCK: 2 } as const

/** Bytes of a file; `length` 0 reaches to its end, wherever that will be. */
export interface RangeLock {
  /** Of F. */
  type: number
  start: bigint
  length: bigint
  /** Who holds it; -1 where an open file description does. */
  pid: number
}

const F_GETFL = 3
const F_OFD_GETLK = 36
const F_OFD_SETLK = 37
const F_OFD_SETLKW = 38
const fcntl = declare<[fd: number, command: number, lock: Uint8Array]>(
  'int fcntl(int fd, int command, void *lock)',
)
/** struct flock of 64-bit Linux: i16 type, i16 whence, i64 start, i64 length, i32 pid. */
const buffer = Buffer.alloc(32)
const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length)
function fill(type: number, start: bigint, length: bigint): void {
  view.setInt16(0, type, true)
  view.setBigInt64(8, start, true)
  view.setBigInt64(16, length, true)
  view.setInt32(24, 0, true)
}

/**
 * Locks or unlocks a range for the descriptor's open file description: 0, or minus the errno. -EAGAIN: another
 * holds it, and `waits` is false. -EINTR: a signal ended the wait. -EBADF: the descriptor doesn't read, or doesn't
 * write, as the type wants.
 */
export function lockRange(fd: number, type: number, start: bigint, length: bigint, waits: boolean): number {
  fill(type, start, length)
  return fcntl(fd, waits ? F_OFD_SETLKW : F_OFD_SETLK, buffer)
}

/** As lockRange, by flock(2) and thus of the whole file; its locks and those of ranges don't see each other. */
export function lockWhole(fd: number, type: number, waits: boolean): number {
  if (type === F.UNLCK) return flock(fd, LOCK.UN)
  return flock(fd, (type === F.RDLCK ? LOCK.SH : LOCK.EX) | (waits ? 0 : LOCK.NB))
}

/** The range locks that the descriptor's open file description has. */
export function locksOf(fd: number): Omit<RangeLock, 'pid'>[] {
  const lines = readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')
  const each = /^lock:\s+\d+: OFDLCK\s+\w+\s+(READ|WRITE)\s+\S+\s+\S+\s+(\d+)\s+(\d+|EOF)$/gm
  return [...lines.matchAll(each)].map(([, type, first = '0', last = 'EOF']) => ({
    type: type === 'READ' ? F.RDLCK : F.WRLCK,
    start: BigInt(first),
    length: last === 'EOF' ? 0n : BigInt(last) - BigInt(first) + 1n,
  }))
}

/** How the descriptor's file is open: O.RDONLY, O.WRONLY or O.RDWR, or minus the errno. */
export function accessOf(fd: number): number {
  const flags = fcntl(fd, F_GETFL, buffer)
  return flags < 0 ? flags : flags & O.ACCMODE
}

/** Puts what is in the way of `lock` into it, or UNLCK when nothing is: 0, or minus the errno. */
export function testRange(fd: number, lock: RangeLock): number {
  fill(lock.type, lock.start, lock.length)
  const result = fcntl(fd, F_OFD_GETLK, buffer)
  if (result < 0) return result
  lock.type = view.getInt16(0, true)
  if (lock.type === F.UNLCK) return 0
  lock.start = view.getBigInt64(8, true)
  lock.length = view.getBigInt64(16, true)
  lock.pid = view.getInt32(24, true)
  return 0
}

export type Lock =
  /** Processes that inherit `fd` hold it too: it is free when the last of them has ended. */
  | { readonly held: true; readonly fd: number; readonly release: () => void }
  /** The holder, by what it wrote into the file; undefined when it hasn't yet. */
  | { readonly held: false; readonly pid: number | undefined }

/** Takes the lock on `file` (made when absent, mode 0600) and writes our pid into it, or says who has it. */
export function lockFile(file: string): Lock {
  const fd = openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  const result = flock(fd, LOCK.EX | LOCK.NB)
  if (result === -errno.EAGAIN) {
    const text = Buffer.alloc(16)
    const length = readSync(fd, text, 0, text.length, 0)
    closeSync(fd)
    const pid = Number.parseInt(text.toString('latin1', 0, length), 10)
    return { held: false, pid: Number.isNaN(pid) ? undefined : pid }
  }
  if (result < 0) closeSync(fd)
  must(result, 'flock', file)
  ftruncateSync(fd)
  writeSync(fd, `${process.pid}\n`, 0)
  let held = true
  return {
    held: true,
    fd,
    release: () => {
      if (held) closeSync(fd)
      held = false
    },
  }
}
