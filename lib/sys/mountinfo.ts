/** What is mounted where, as /proc/self/mountinfo says it (proc_pid_mountinfo(5)). */
import { readFileSync } from 'node:fs'

export interface MountInfo {
  /** Canonical, in our mount namespace. */
  readonly mountpoint: string
  /** `ext4`, `fuse.twofold`, … */
  readonly type: string
  /** Free text of whoever mounted it. */
  readonly source: string
  readonly readOnly: boolean
  /** MAJOR:MINOR. */
  readonly device: string
}

const unescape = (field: string) =>
  Buffer.from(
    field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))),
    'latin1',
  ).toString()

/** In the order of mounting: of two on one mount point, the later one is seen. */
export function mountTable(text = readFileSync('/proc/self/mountinfo', 'latin1')): MountInfo[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ')
      const [, , device = '', , mountpoint = '', options = ''] = before.split(' ')
      const [type = '', source = ''] = after.split(' ')
      return {
        mountpoint: unescape(mountpoint),
        type,
        source: unescape(source),
        readOnly: options.split(',').includes('ro'),
        device,
      }
    })
}

/** Mounts strictly inside of `directory`, which is canonical. */
export const mountsInside = (directory: string): MountInfo[] =>
  mountTable().filter(({ mountpoint }) =>
    directory === '/' ? mountpoint !== '/' : mountpoint.startsWith(`${directory}/`),
  )

/** `mountpoint` is canonical. Reading the table asks no file system, so that a dead mount doesn't block it. */
export const isMounted = (mountpoint: string): boolean =>
  mountTable().some((mount) => mount.mountpoint === mountpoint)
