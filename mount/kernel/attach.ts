/**
 * Making and undoing the mount: mount(2) where we may, fusermount3 (its _FUSE_COMMFD protocol: it mounts and
 * sends the device's descriptor over a socket) where we are an ordinary user.
 */
import { spawnSync } from 'node:child_process'
import { receiveDescriptor, socketPair } from '../../lib/sys/descriptor-passing.ts'
import { errno, SystemError } from '../../lib/sys/errno.ts'
import { must } from '../../lib/sys/libc.ts'
import { MNT, mount, MS, umount2, UMOUNT_NOFOLLOW } from '../../lib/sys/mount.ts'
import { close } from '../../lib/sys/open.ts'
import type { MountOptions } from '../engine.ts'
import { openDevice } from './device.ts'

/** As /proc/mounts has it: `fuse.twofold`. */
export const SUBTYPE = 'twofold'

const isRoot = (): boolean => process.geteuid?.() === 0

/** A comma would begin another option. */
const plain = (text: string): string => text.replace(/[,\\\s]/g, '_')

/** Mounts at `mountpoint`: the device's descriptor. Throws a SystemError, or an Error with fusermount3's own words. */
export function attach(mountpoint: string, options: MountOptions): number {
  return isRoot() ? attachByKernel(mountpoint, options) : attachByFusermount(mountpoint, options)
}

function attachByKernel(mountpoint: string, options: MountOptions): number {
  const device = must(openDevice(), 'open', '/dev/fuse')
  const data = [
    `fd=${device}`,
    'rootmode=40000',
    `user_id=${process.geteuid?.() ?? 0}`,
    `group_id=${process.getegid?.() ?? 0}`,
    'default_permissions',
    ...(options.allowOther ? ['allow_other'] : []),
  ]
  const flags = MS.NOSUID | MS.NODEV | (options.readOnly ? MS.RDONLY : 0)
  const result = mount(plain(options.source), mountpoint, `fuse.${SUBTYPE}`, flags, data.join(','))
  if (result < 0) {
    close(device)
    throw new SystemError(-result, 'mount', mountpoint)
  }
  return device
}

function attachByFusermount(mountpoint: string, options: MountOptions): number {
  const pair = socketPair()
  if (typeof pair === 'number') throw new SystemError(-pair, 'socketpair')
  const [ours, theirs] = pair
  try {
    const list = [`fsname=${plain(options.source)}`, `subtype=${SUBTYPE}`, 'default_permissions']
    if (options.readOnly) list.push('ro')
    if (options.allowOther) list.push('allow_other')
    const done = spawnSync('fusermount3', ['-o', list.join(','), '--', mountpoint], {
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', _FUSE_COMMFD: '3' },
      stdio: ['ignore', 'ignore', 'pipe', theirs],
      encoding: 'utf8',
    })
    if (done.error) throw done.error
    if (done.status !== 0) throw new Error(done.stderr.trim() || `fusermount3 ended with ${done.status}`)
    const device = receiveDescriptor(ours)
    if (device < 0) throw new SystemError(device === -1 ? errno.EPROTO : -device, 'recvmsg')
    return device
  } finally {
    close(ours)
    close(theirs)
  }
}

/** Unmounts: throws a SystemError, EBUSY while somebody uses it; `lazy` never is. */
export function detach(mountpoint: string, lazy: boolean): void {
  if (isRoot()) {
    must(umount2(mountpoint, UMOUNT_NOFOLLOW | (lazy ? MNT.DETACH : 0)), 'umount2', mountpoint)
    return
  }
  const done = spawnSync('fusermount3', ['-u', ...(lazy ? ['-z'] : []), '--', mountpoint], {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  })
  if (done.error) throw done.error
  if (done.status !== 0) {
    throw new SystemError(
      /busy/i.test(done.stderr) ? errno.EBUSY : errno.EINVAL,
      'fusermount3 -u',
      mountpoint,
    )
  }
}
