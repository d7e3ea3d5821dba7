/** poll(2) without a wait: what a descriptor is ready for right now. */
import { declare } from './libc.ts'

/** asm-generic/poll.h */
export const POLL = { IN: 1, PRI: 2, OUT: 4, ERR: 8 } as const

const call = declare<[fds: Uint8Array, count: number, timeout: number]>(
  'int poll(void *fds, ulong count, int timeout)',
)
const pollfd = Buffer.alloc(8)

/** Those of `events` (of POLL) that are so, with ERR wherever that is; 0 for none. */
export function readyFor(fd: number, events: number): number {
  pollfd.writeInt32LE(fd, 0)
  pollfd.writeInt16LE(events, 4)
  return call(pollfd, 1, 0) > 0 ? pollfd.readInt16LE(6) : 0
}
