/**
 * seccomp(2): system calls that a thread and what it executes give up for good. They answer EPERM then.
 * linux/seccomp.h, linux/filter.h and linux/audit.h
 */
import { addressOf, declare } from './libc.ts'

const arm = process.arch === 'arm64'
/** By name, where each architecture has it: [x64, arm64]. Those that are as old as both have one number. */
const numbers = {
  chmod: [90],
  fchmod: [91, 52],
  fchmodat: [268, 53],
  fchmodat2: [452, 452],
  chown: [92],
  fchown: [93, 55],
  lchown: [94],
  fchownat: [260, 54],
  utime: [132],
  utimes: [235],
  futimesat: [261],
  utimensat: [280, 88],
  setxattr: [188, 5],
  lsetxattr: [189, 6],
  fsetxattr: [190, 7],
  setxattrat: [463, 463],
  removexattr: [197, 14],
  lremovexattr: [198, 15],
  fremovexattr: [199, 16],
  removexattrat: [466, 466],
  mount: [165, 40],
  umount2: [166, 39],
  pivot_root: [155, 41],
  open_tree: [428, 428],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fspick: [433, 433],
  mount_setattr: [442, 442],
  unshare: [272, 97],
  setns: [308, 268],
  ptrace: [101, 117],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  pidfd_getfd: [438, 438],
  kcmp: [312, 272],
  bpf: [321, 280],
  userfaultfd: [323, 282],
  perf_event_open: [298, 241],
  add_key: [248, 217],
  request_key: [249, 218],
  keyctl: [250, 219],
  io_uring_setup: [425, 425],
  open_by_handle_at: [304, 265],
  socket: [41, 198],
  connect: [42, 203],
} as const satisfies Record<string, readonly [x64: number, arm64?: number]>
export type SystemCall = keyof typeof numbers
export const systemCalls = Object.keys(numbers) as SystemCall[]

const AUDIT_ARCH = arm ? 0xc00000b7 : 0xc000003e
/** struct seccomp_data: the number, the architecture, and the first argument's lower half. */
const [NUMBER_AT, ARCH_AT, ARGUMENT_AT] = [0, 4, 16]
const [LOAD, JUMP_EQUAL, JUMP_AT_LEAST, RETURN] = [0x20, 0x15, 0x35, 0x06]
const [KILL, ALLOW, EPERM] = [0x80000000, 0x7fff0000, 0x00050001]
/** Numbers from here on are those of the x32 ABI: the same calls by another door. */
const X32 = 0x40000000

type Instruction = readonly [code: number, whenTrue: number, whenFalse: number, operand: number]

/** Lets sockets of this machine alone through, by AF_UNIX of sys/socket.h, and goes on with other calls. */
const unixAlone: readonly Instruction[] = [
  [JUMP_EQUAL, 0, 4, numbers.socket[arm ? 1 : 0]],
  [LOAD, 0, 0, ARGUMENT_AT],
  [JUMP_EQUAL, 0, 1, 1],
  [RETURN, 0, 0, ALLOW],
  [RETURN, 0, 0, EPERM],
]

function program(denied: readonly SystemCall[]): Buffer {
  const calls = denied.flatMap((name) => {
    const [x64, arm64]: readonly (number | undefined)[] = numbers[name]
    const number = arm ? arm64 : x64
    return number === undefined ? [] : [number]
  })
  const tests: (readonly [code: number, operand: number])[] = [
    ...(arm ? [] : [[JUMP_AT_LEAST, X32] as const]),
    ...calls.map((number) => [JUMP_EQUAL, number] as const),
  ]
  const instructions: Instruction[] = [
    [LOAD, 0, 0, ARCH_AT],
    [JUMP_EQUAL, 1, 0, AUDIT_ARCH],
    [RETURN, 0, 0, KILL],
    [LOAD, 0, 0, NUMBER_AT],
    ...(denied.includes('socket') ? [] : unixAlone),
    // Over the tests that follow, and the return that allows.
    ...tests.map(([code, operand], i): Instruction => [code, tests.length - i, 0, operand]),
    [RETURN, 0, 0, ALLOW],
    [RETURN, 0, 0, EPERM],
  ]
  const bytes = Buffer.alloc(instructions.length * 8)
  instructions.forEach(([code, whenTrue, whenFalse, operand], i) => {
    bytes.writeUInt16LE(code, i * 8)
    bytes.writeUInt8(whenTrue, i * 8 + 2)
    bytes.writeUInt8(whenFalse, i * 8 + 3)
    bytes.writeUInt32LE(operand, i * 8 + 4)
  })
  return bytes
}

const prctl = declare<[option: number, mode: number, filter: Uint8Array]>(
  'int prctl(int option, ulong mode, const void *filter)',
)
const PR_SET_SECCOMP = 22
const SECCOMP_MODE_FILTER = 2

/** Gives up these calls: 0, or minus the errno (EINVAL: this kernel has no seccomp). It needs no_new_privs. */
export function giveUp(calls: readonly SystemCall[]): number {
  const filter = program(calls)
  const header = Buffer.alloc(16)
  header.writeUInt16LE(filter.length / 8, 0)
  header.writeBigUInt64LE(addressOf(filter), 8)
  const result = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header)
  // The address above holds nothing by itself.
  return filter.length > 0 ? result : -1
}
