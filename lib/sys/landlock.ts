/**
 * Landlock: a thread and what it executes give up what no rule allows them, for good. linux/landlock.h and
 * https://docs.kernel.org/userspace-api/landlock.html
 */
import { declare } from './libc.ts'

/** The same on every architecture. */
const SYS = { create_ruleset: 444, add_rule: 445, restrict_self: 446 } as const
const CREATE_RULESET_VERSION = 1
const RULE_PATH_BENEATH = 1

/** What may be done to files. Those of later ABIs are left out where the kernel doesn't know them. */
export const ACCESS = {
  EXECUTE: 1n << 0n,
  WRITE_FILE: 1n << 1n,
  READ_FILE: 1n << 2n,
  READ_DIR: 1n << 3n,
} as const

/** All that a kernel of this ABI can refuse, of files, of TCP, and beyond the domain (signals, abstract sockets). */
function refusable(abi: number): { files: bigint; network: bigint; scopes: bigint } {
  // ABI 2 brought REFER, 3 TRUNCATE, 5 IOCTL_DEV.
  const kinds = abi >= 5 ? 16n : abi >= 3 ? 15n : abi === 2 ? 14n : 13n
  return { files: (1n << kinds) - 1n, network: abi >= 4 ? 3n : 0n, scopes: abi >= 6 ? 3n : 0n }
}

const create = declare<[number, Uint8Array | null, number, number]>(
  'long syscall(long number, const void *attributes, size_t size, uint flags)',
)
const add = declare<[number, number, number, Uint8Array, number]>(
  'long syscall(long number, int ruleset, int type, const void *attributes, uint flags)',
)
const restrict = declare<[number, number, number]>('long syscall(long number, int ruleset, uint flags)')

/** The kernel's ABI, from 1; 0 where it has no Landlock, or has it switched off. */
export function landlockAbi(): number {
  return Math.max(0, create(SYS.create_ruleset, null, 0, CREATE_RULESET_VERSION))
}

/** What a kernel of this ABI can't refuse that the next ones can, for whoever looks after the machine. */
export const landlockGaps = (abi: number): readonly string[] =>
  (
    [
      [1, 'files outside of the disks'],
      [3, 'truncation'],
      [4, 'outgoing TCP connections'],
      [6, 'signals to other processes and abstract sockets'],
    ] as const
  ).flatMap(([since, what]) => (abi < since ? [what] : []))

/**
 * A descriptor of a set of rules that refuses all that a kernel of this ABI can, but for what `allowBeneath`
 * adds; or minus the errno. `abi` is at least 1.
 */
export function createRuleset(abi: number): number {
  const { files, network, scopes } = refusable(abi)
  const attributes = Buffer.alloc(24)
  attributes.writeBigUInt64LE(files, 0)
  attributes.writeBigUInt64LE(network, 8)
  attributes.writeBigUInt64LE(scopes, 16)
  // An older kernel refuses a struct that is longer than its own.
  const size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8
  return create(SYS.create_ruleset, attributes, size, 0)
}

/** Allows `access` (of ACCESS) on the file behind `fd`, or beneath the directory behind it: 0, or minus the errno. */
export function allowBeneath(ruleset: number, fd: number, access: bigint): number {
  const attributes = Buffer.alloc(12)
  attributes.writeBigUInt64LE(access, 0)
  attributes.writeInt32LE(fd, 8)
  return add(SYS.add_rule, ruleset, RULE_PATH_BENEATH, attributes, 0)
}

/** Confines this thread, and what it executes: 0, or minus the errno. It needs no_new_privs or CAP_SYS_ADMIN. */
export const restrictSelf = (ruleset: number): number => restrict(SYS.restrict_self, ruleset, 0)
