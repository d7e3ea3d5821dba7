/**
 * Whom the kernel takes a thread for when it touches files. All of it is the calling thread's alone: setfsuid
 * and setfsgid are by nature, the rest by going round glibc, whose wrappers change every thread.
 *
 * Threads inherit what their creator has, so a thread that changes its identity must not be the first to
 * start libuv's pool.
 */
import { declare } from './libc.ts'

const arm = process.arch === 'arm64'
const SYS = {
  setgroups: arm ? 159 : 116,
  setresuid: arm ? 147 : 117,
  setresgid: arm ? 149 : 119,
  unshare: arm ? 97 : 272,
} as const
const CLONE_FS = 0x200
const CLONE_FILES = 0x400

/** Both answer the id before, whether they changed anything or not. A user other than 0 loses root's rights over files. */
export const setfsuid = declare<[uid: number]>('int setfsuid(uint uid)')
export const setfsgid = declare<[gid: number]>('int setfsgid(uint gid)')

/**
 * Runs `act`, synchronous, with another's rights over files where we are root, so that what it makes is his and made
 * as he could make it himself.
 */
export function actingAs<T>(uid: number, gid: number, act: () => T): T {
  if (uid === 0 || process.geteuid?.() !== 0) return act()
  setfsgid(gid)
  setfsuid(uid)
  try {
    return act()
  } finally {
    setfsuid(0)
    setfsgid(process.getegid?.() ?? 0)
  }
}

const syscallGroups = declare<[number, number, Uint8Array]>(
  'long syscall(long number, size_t count, void *groups)',
)
const groupBuffer = new Uint32Array(65536)
const groupBytes = new Uint8Array(groupBuffer.buffer)
/** Supplementary groups of this thread: 0, or minus the errno. At most 65,536. */
export function setgroups(groups: readonly number[]): number {
  for (let i = 0; i < groups.length; i++) groupBuffer[i] = groups[i] ?? 0
  return syscallGroups(SYS.setgroups, groups.length, groupBytes)
}

const syscallIds = declare<[number, number, number, number]>(
  'long syscall(long number, uint real, uint effective, uint saved)',
)
/** This thread's real, effective, saved and file system user: 0, or minus the errno (EINVAL: there is none such). */
export const setUser = (uid: number): number => syscallIds(SYS.setresuid, uid, uid, uid)
/** The same of its group. */
export const setGroup = (gid: number): number => syscallIds(SYS.setresgid, gid, gid, gid)

const syscallUnshare = declare<[number, number]>('long syscall(long number, ulong flags)')
/** Gives this thread a umask (and a working directory) of its own: 0, or minus the errno. */
export const unshareUmask = (): number => syscallUnshare(SYS.unshare, CLONE_FS)

/** Gives this thread a table of descriptors of its own, a copy of the process's: 0, or minus the errno. */
export const unshareDescriptors = (): number => syscallUnshare(SYS.unshare, CLONE_FILES)

/** The umask before. The whole process's, unless this thread called `unshareUmask`. */
export const umask = declare<[mask: number]>('uint umask(uint mask)')

const SYS_CAP = { get: arm ? 90 : 125, set: arm ? 91 : 126 } as const
const syscallCapabilities = declare<[number, Uint8Array, Uint8Array]>(
  'long syscall(long number, void *header, void *data)',
)
/** linux/capability.h, version 3: header, and twice (effective, permitted, inheritable). */
const capabilityHeader = Buffer.alloc(8)
capabilityHeader.writeUInt32LE(0x20080522, 0)
const CAP_SYS_RESOURCE = 1 << 24
const capabilities = Buffer.alloc(24)

/**
 * Gives this thread CAP_SYS_RESOURCE, with which ext4's reserved blocks may be taken and quotas exceeded, or takes it
 * away: 0, or minus the errno. Where it may not have it, nothing happens.
 */
export function setResourceCapability(effective: boolean): number {
  const known = syscallCapabilities(SYS_CAP.get, capabilityHeader, capabilities)
  if (known < 0) return known
  const [now, permitted] = [capabilities.readUInt32LE(0), capabilities.readUInt32LE(4)]
  const then = effective ? now | (permitted & CAP_SYS_RESOURCE) : now & ~CAP_SYS_RESOURCE
  if (then === now) return 0
  capabilities.writeUInt32LE(then >>> 0, 0)
  return syscallCapabilities(SYS_CAP.set, capabilityHeader, capabilities)
}
