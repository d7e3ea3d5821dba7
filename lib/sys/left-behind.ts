/** Processes that can't be ended, since they wait in the kernel for who doesn't answer: who they are, and what they hold. */
import { declare } from './libc.ts'
import { close } from './open.ts'
import { linkProc, listProc, readProc } from './proc.ts'
import { describeListening, isConnection, shutdown } from './socket.ts'

/** Processes that have `file`, canonical, open. Those of other users are seen by root alone. */
export function holdersOf(file: string): number[] {
  return listProc('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => listProc(`/proc/${pid}/fd`).some((fd) => linkProc(`/proc/${pid}/fd/${fd}`) === file))
    .map(Number)
}

/** Whether SIGKILL was sent and changes nothing. */
export function isBeyondKilling(pid: number): boolean {
  const pending = /^SigPnd:\s+([0-9a-f]+)$/m.exec(readProc(`/proc/${pid}/status`))?.[1]
  return pending !== undefined && (BigInt(`0x${pending}`) & (1n << 8n)) !== 0n
}

/** One number on every architecture. */
const SYS = { pidfdOpen: 434, pidfdGetfd: 438 } as const
const open = declare<[number, number, number]>('long syscall(long number, int pid, uint flags)')
const take = declare<[number, number, number, number]>(
  'long syscall(long number, int pidfd, int fd, uint flags)',
)

/** Has every TCP socket that the process listens with listen no more, so that its port is free: their number. */
export const silence = (pid: number): number =>
  shutWhere(pid, (fd) => describeListening(fd)?.family === 'tcp')

/** Ends the TCP connections of the process, whose other ends would wait for as long as it does: their number. */
export const dropConnections = (pid: number): number => shutWhere(pid, isConnection)

function shutWhere(pid: number, isMeant: (fd: number) => boolean): number {
  const pidfd = open(SYS.pidfdOpen, pid, 0)
  if (pidfd < 0) return 0
  let ended = 0
  for (const name of listProc(`/proc/${pid}/fd`)) {
    if (!linkProc(`/proc/${pid}/fd/${name}`).startsWith('socket:')) continue
    const fd = take(SYS.pidfdGetfd, pidfd, Number(name), 0)
    if (fd < 0) continue
    if (isMeant(fd) && shutdown(fd) >= 0) ended++
    close(fd)
  }
  close(pidfd)
  return ended
}
