/**
 * capabilities(7) and prctl(2): what a thread may do beyond its user's rights. All of it is the calling thread's
 * alone.
 */
import { declare } from './libc.ts'

const arm = process.arch === 'arm64'
const SYS = { capget: arm ? 90 : 125, capset: arm ? 91 : 126 } as const

/** Bits, by linux/capability.h. */
export const CAP = {
  CHOWN: 0,
  DAC_OVERRIDE: 1,
  DAC_READ_SEARCH: 2,
  FOWNER: 3,
  FSETID: 4,
  KILL: 5,
  SETGID: 6,
  SETUID: 7,
  SETPCAP: 8,
  NET_BIND_SERVICE: 10,
  SYS_PTRACE: 19,
  SYS_ADMIN: 21,
  SYS_RESOURCE: 24,
  MKNOD: 27,
  LEASE: 28,
  SETFCAP: 31,
} as const
export type Capability = keyof typeof CAP

export const capabilityBits = (of: readonly Capability[]): bigint =>
  of.reduce((bits, name) => bits | (1n << BigInt(CAP[name])), 0n)

const syscall = declare<[number, Uint8Array, Uint8Array]>(
  'long syscall(long number, void *header, void *data)',
)
/** linux/capability.h, version 3: twice (effective, permitted, inheritable), the lower halves first. */
const header = Buffer.alloc(8)
header.writeUInt32LE(0x20080522, 0)
const data = Buffer.alloc(24)

/** What this thread is permitted, as bits; 0n where it can't be known. */
export function permittedCapabilities(): bigint {
  if (syscall(SYS.capget, header, data) < 0) return 0n
  return (BigInt(data.readUInt32LE(16)) << 32n) | BigInt(data.readUInt32LE(4))
}

/** Makes `bits` effective, permitted and inheritable, and no others: 0, or minus the errno. */
export function setCapabilities(bits: bigint): number {
  const [low, high] = [Number(bits & 0xffffffffn), Number(bits >> 32n)]
  for (const offset of [0, 4, 8]) {
    data.writeUInt32LE(low, offset)
    data.writeUInt32LE(high, offset + 12)
  }
  return syscall(SYS.capset, header, data)
}

const prctl = declare<[option: number, number, number, number, number]>(
  'int prctl(int option, ulong a, ulong b, ulong c, ulong d)',
)
/** linux/prctl.h and linux/securebits.h */
const PR = { KEEPCAPS: 8, CAPBSET_DROP: 24, SECUREBITS: 28, NO_NEW_PRIVS: 38, CAP_AMBIENT: 47 } as const
const AMBIENT = { RAISE: 2, CLEAR_ALL: 4 } as const
/** User 0 is one as any other, and stays so. */
const SECBIT_NOROOT_AND_LOCKED = 0b11

/** Permitted capabilities survive the next change of user: 0, or minus the errno. */
export const keepCapabilities = (): number => prctl(PR.KEEPCAPS, 1, 0, 0, 0)

/** Has what is executed next keep `bits`, which must be permitted and inheritable, and no others: as above. */
export function setAmbientCapabilities(bits: bigint): number {
  let result = prctl(PR.CAP_AMBIENT, AMBIENT.CLEAR_ALL, 0, 0, 0)
  for (let bit = 0; bit < 64 && result >= 0; bit++)
    if (((bits >> BigInt(bit)) & 1n) === 1n) result = prctl(PR.CAP_AMBIENT, AMBIENT.RAISE, bit, 0, 0)
  return result
}

/** Takes all but `bits` out of what may ever be gained: 0, or minus the errno. It needs CAP_SETPCAP. */
export function limitCapabilities(bits: bigint): number {
  for (let bit = 0; bit < 64; bit++) {
    if (((bits >> BigInt(bit)) & 1n) === 1n) continue
    const result = prctl(PR.CAPBSET_DROP, bit, 0, 0, 0)
    // The kernel knows fewer.
    if (result < 0 && bit >= 32) break
    if (result < 0) return result
  }
  return 0
}

/** Being user 0 gives no capability any more: 0, or minus the errno. It needs CAP_SETPCAP. */
export const disempowerRoot = (): number => prctl(PR.SECUREBITS, SECBIT_NOROOT_AND_LOCKED, 0, 0, 0)

/** Nothing that is executed gains rights by its file: 0, or minus the errno. */
export const setNoNewPrivileges = (): number => prctl(PR.NO_NEW_PRIVS, 1, 0, 0, 0)
