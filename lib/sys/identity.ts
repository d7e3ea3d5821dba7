/**
 * Whom the kernel takes a thread for when it touches files. All of it is the calling thread's alone: setfsuid
 * and setfsgid are by nature, the rest by going round glibc, whose wrappers change every thread.
 *
 * Threads inherit what their creator has, so a thread that changes its identity must not be the first to
 * start libuv's pool.
 */
import { declare } from './libc.ts'

const arm = process.arch === 'arm64'
const SYS = { setgroups: arm ? 159 : 116, unshare: arm ? 97 : 272 } as const
const CLONE_FS = 0x200

/** Both answer the id before, whether they changed anything or not. A user other than 0 loses root's rights over files. */
export const setfsuid = declare<[uid: number]>('int setfsuid(uint uid)')
export const setfsgid = declare<[gid: number]>('int setfsgid(uint gid)')

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

const syscallUnshare = declare<[number, number]>('long syscall(long number, ulong flags)')
/** Gives this thread a umask (and a working directory) of its own: 0, or minus the errno. */
export const unshareUmask = (): number => syscallUnshare(SYS.unshare, CLONE_FS)

/** The umask before. The whole process's, unless this thread called `unshareUmask`. */
export const umask = declare<[mask: number]>('uint umask(uint mask)')
