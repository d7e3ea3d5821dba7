/** flock(2): who holds the lock is who lives; it ends with the process, however that ends. */
import { closeSync, constants, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { errno } from './errno.ts'
import { declare, must } from './libc.ts'

const flock = declare<[fd: number, operation: number]>('int flock(int fd, int operation)')
/** sys/file.h */
const LOCK_EX = 2
const LOCK_NB = 4

export type Lock =
  /** Processes that inherit `fd` hold it too: it is free when the last of them has ended. */
  | { readonly held: true; readonly fd: number; readonly release: () => void }
  /** The holder, by what it wrote into the file; undefined when it hasn't yet. */
  | { readonly held: false; readonly pid: number | undefined }

/** Takes the lock on `file` (made when absent, mode 0600) and writes our pid into it, or says who has it. */
export function lockFile(file: string): Lock {
  const fd = openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  const result = flock(fd, LOCK_EX | LOCK_NB)
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
