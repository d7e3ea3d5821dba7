/**
 * Making the mount: mount(2) where we may, fusermount3 (its _FUSE_COMMFD protocol: it mounts and sends the device's
 * descriptor over a socket) where we are an ordinary user. Either way on a descriptor of the directory, whose name
 * others may change.
 */
import { spawnSync } from 'node:child_process'
import { descriptorPath } from '../../lib/sys/attributes.ts'
import { receiveDescriptor, socketPair } from '../../lib/sys/descriptor-passing.ts'
import { errno, SystemError } from '../../lib/sys/errno.ts'
import { withMountpoint } from '../../lib/mountpoint.ts'
import { identityOfNew, type MountIdentity } from '../../lib/standing-mount.ts'
import { must } from '../../lib/sys/libc.ts'
import { mount, MS } from '../../lib/sys/mount.ts'
import { mountTable } from '../../lib/sys/mountinfo.ts'
import { close } from '../../lib/sys/open.ts'
import type { MountOptions } from '../engine.ts'
import { openDevice } from './device.ts'

/** As /proc/mounts has it: `fuse.twofold`. */
export const SUBTYPE = 'twofold'

const isRoot = (): boolean => process.geteuid?.() === 0

/** A comma would begin another option. */
const plain = (text: string): string => text.replace(/[,\\\s]/g, '_')

export interface Attached {
  /** The descriptor of /dev/fuse. */
  readonly device: number
  readonly mount: MountIdentity
}

/**
 * Mounts at `mountpoint`, canonical. Throws a SystemError, a Fault where the directory isn't to be had or can't be
 * trusted, or an Error with fusermount3's own words.
 */
export function attach(mountpoint: string, options: MountOptions): Attached {
  const before = mountTable()
  const by = isRoot() ? attachByKernel : attachByFusermount
  const device = withMountpoint(mountpoint, (directory) => by(directory, mountpoint, options))
  try {
    return { device, mount: identityOfNew(before, mountpoint) }
  } catch (thrown) {
    close(device)
    throw thrown
  }
}

function attachByKernel(directory: number, mountpoint: string, options: MountOptions): number {
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
  const result = mount(
    plain(options.source),
    descriptorPath(directory),
    `fuse.${SUBTYPE}`,
    flags,
    data.join(','),
  )
  if (result < 0) {
    close(device)
    throw new SystemError(-result, 'mount', mountpoint)
  }
  return device
}

function attachByFusermount(directory: number, _mountpoint: string, options: MountOptions): number {
  const pair = socketPair()
  if (typeof pair === 'number') throw new SystemError(-pair, 'socketpair')
  const [ours, theirs] = pair
  try {
    const list = [`fsname=${plain(options.source)}`, `subtype=${SUBTYPE}`, 'default_permissions']
    if (options.readOnly) list.push('ro')
    if (options.allowOther) list.push('allow_other')
    const done = spawnSync('fusermount3', ['-o', list.join(','), '--', '.'], {
      cwd: descriptorPath(directory),
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
