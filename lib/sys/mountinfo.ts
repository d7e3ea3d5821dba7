/** What is mounted where, as /proc/self/mountinfo says it (proc_pid_mountinfo(5)). */
import { readFileSync } from 'node:fs'

export interface MountInfo {
  /** Unique while it is mounted. */
  readonly id: number
  /** The mount that it stands on: the one that it covers, or that its mount point lies in. */
  readonly parent: number
  /** MAJOR:MINOR of the file system. */
  readonly device: string
  /** The directory of the file system that is shown here; `/` but for bind mounts and the like. */
  readonly root: string
  /** Canonical, in our mount namespace. */
  readonly mountpoint: string
  /** `ext4`, `fuse.twofold`, … */
  readonly type: string
  /** Free text of whoever mounted it. */
  readonly source: string
  readonly readOnly: boolean
  /** Whose server answers for it, where it is FUSE. */
  readonly fuseUser: number | undefined
  /** That user's group, where the server lets nobody in but its own user and group; undefined where it does. */
  readonly fuseGroupAlone: number | undefined
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
      const [id, parent, device = '', root = '', mountpoint = '', options = ''] = before.split(' ')
      const [type = '', source = '', superOptions = ''] = after.split(' ')
      const group = /(?:^|,)group_id=(\d+)/.exec(superOptions)?.[1]
      const isOpen = superOptions.split(',').includes('allow_other')
      const user = /^fuse/.test(type) ? /(?:^|,)user_id=(\d+)/.exec(superOptions)?.[1] : undefined
      return {
        id: Number(id),
        parent: Number(parent),
        device,
        root: unescape(root),
        mountpoint: unescape(mountpoint),
        type,
        source: unescape(source),
        readOnly: options.split(',').includes('ro'),
        fuseUser: user === undefined ? undefined : Number(user),
        fuseGroupAlone: user === undefined || isOpen ? undefined : Number(group ?? 0),
      }
    })
}

/** Which mount the descriptor's file was reached through, without asking its file system; O_PATH ones will do. */
export function mountIdOf(fd: number): number {
  const id = /^mnt_id:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1]
  return Number(id ?? -1)
}

/** Mounts strictly inside of `directory`, which is canonical. */
export const mountsInside = (directory: string): MountInfo[] =>
  mountTable().filter(({ mountpoint }) =>
    directory === '/' ? mountpoint !== '/' : mountpoint.startsWith(`${directory}/`),
  )

/** `mountpoint` is canonical. Reading the table asks no file system, so that a dead mount doesn't block it. */
export const isMounted = (mountpoint: string): boolean =>
  mountTable().some((mount) => mount.mountpoint === mountpoint)
