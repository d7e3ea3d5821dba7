/** What is mounted, as this process's namespace has it: /proc/self/mountinfo (proc(5)). */
import { readFileSync } from 'node:fs'

export interface Mount {
  readonly id: number
  readonly mountpoint: string
  /** `ext4`, `fuse.twofold`, … */
  readonly type: string
  readonly source: string
}

/** Reading it asks no file system: a dead mount doesn't block it. */
export function mounts(): Mount[] {
  const table: Mount[] = []
  for (const line of readFileSync('/proc/self/mountinfo', 'latin1').split('\n')) {
    const [left, right] = line.split(' - ')
    if (left === undefined || right === undefined) continue
    const fields = left.split(' ')
    const [type, source] = right.split(' ')
    table.push({
      id: Number(fields[0]),
      mountpoint: unescaped(fields[4] ?? ''),
      type: type ?? '',
      source: unescaped(source ?? ''),
    })
  }
  return table
}

/** `mountpoint`: canonical and absolute. */
export const isMounted = (mountpoint: string): boolean =>
  mounts().some((mount) => mount.mountpoint === mountpoint)

/** Space, tab, newline and backslash stand as three octal digits. */
const unescaped = (text: string): string =>
  Buffer.from(
    text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8))),
    'latin1',
  ).toString()
