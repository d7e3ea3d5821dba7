/** Becoming another program: execve(2), and which descriptors it finds. */
import { addressOf, cstring, declare, type CPath } from './libc.ts'

const call = declare<[CPath, Uint8Array, Uint8Array]>(
  'int execve(const char *path, const void *arguments, const void *environment)',
)

/** The strings as C wants them: their addresses, and null behind them. What it returns lives as long as `kept`. */
function vector(texts: readonly string[], kept: Uint8Array[]): Uint8Array {
  const addresses = new BigUint64Array(texts.length + 1)
  texts.forEach((text, i) => {
    const bytes = cstring(Buffer.from(text))
    kept.push(bytes)
    addresses[i] = addressOf(bytes)
  })
  return new Uint8Array(addresses.buffer)
}

/**
 * Replaces this process, all of its threads, by the program at `path`; returns minus the errno where it can't.
 * The program has this thread's credentials and the descriptors that aren't close-on-exec.
 */
export function execve(
  path: string,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): number {
  const kept: Uint8Array[] = []
  const variables = Object.entries(environment).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  )
  const result = call(path, vector(args, kept), vector(variables, kept))
  // The addresses above hold nothing by themselves.
  kept.length = 0
  return result
}

const fcntl = declare<[number, number, number]>('int fcntl(int fd, int command, long argument)')
const F_SETFD = 2
const FD_CLOEXEC = 1

/** Whether a program that is executed finds `fd` open: 0, or minus the errno. */
export const setInherited = (fd: number, inherited: boolean): number =>
  fcntl(fd, F_SETFD, inherited ? 0 : FD_CLOEXEC)
