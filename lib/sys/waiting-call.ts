/** What another process waits for in the kernel: found in /proc, where no file system is asked. */
import { closeSync, openSync, readSync } from 'node:fs'
import { AT_FDCWD } from './open.ts'
import { linkProc, readProc } from './proc.ts'

/**
 * The paths that the system call of the process's main thread is about, as far as it waits in one: of the descriptors
 * among its first two arguments, and of the name that it looks up from nowhere. Empty where it runs, was stopped, or we
 * may not look.
 */
export function pathsWaitedFor(pid: number): string[] {
  // asm-generic: number, six arguments, stack, program counter; "running" where it isn't in a call.
  const [number, first, second] = readProc(`/proc/${pid}/syscall`).split(' ')
  if (number === undefined || first === undefined || second === undefined) return []
  const state = /^\d+ \(.*\) (\w)/s.exec(readProc(`/proc/${pid}/stat`))?.[1]
  if (state !== 'D' && state !== 'S') return []
  const [a, b] = [BigInt(first), BigInt(second)]
  if (BigInt.asIntN(32, a) === BigInt(AT_FDCWD))
    return [textAt(pid, b)].filter((path) => path.startsWith('/'))
  return [a, b]
    .filter((fd) => fd < 1_000_000n)
    .map((fd) => linkProc(`/proc/${pid}/fd/${fd}`))
    .filter((path) => path.startsWith('/'))
}

/** A path as long as paths are. */
const longest = 4096

/** The text that ends in a NUL at `address` of the process's memory; '' where we may not look. */
function textAt(pid: number, address: bigint): string {
  try {
    const fd = openSync(`/proc/${pid}/mem`, 'r')
    try {
      const bytes = Buffer.alloc(longest)
      const length = readSync(fd, bytes, 0, longest, address)
      const end = bytes.indexOf(0)
      return bytes.toString('utf8', 0, end < 0 ? length : end)
    } finally {
      closeSync(fd)
    }
  } catch {
    return ''
  }
}
