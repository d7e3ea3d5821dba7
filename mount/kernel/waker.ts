/**
 * A thread that wakes the serving one from read(2): each time that its word in shared memory grows, it calls
 * statfs(2) on the mount.
 *
 * Whoever waits for a file system that its own process serves can't be killed: no signal ends the wait once the
 * request has been read, and the device, which would end it by closing, stays open as long as a thread that shares the
 * descriptors lives. So this thread has descriptors of its own, without the device among them.
 */
import { readdirSync, readlinkSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { unshareDescriptors } from '../../lib/sys/identity.ts'
import { must } from '../../lib/sys/libc.ts'
import { close } from '../../lib/sys/open.ts'
import { emptyStatFs, statFs } from '../../lib/sys/statfs.ts'
import type { WakerStart } from './thread-messages.ts'

const { mountpoint, wakeups } = workerData as WakerStart

must(unshareDescriptors(), 'unshare')
for (const name of readdirSync('/proc/thread-self/fd')) {
  // Node's own have no path.
  if (Number(name) > 2 && target(name).startsWith('/')) close(Number(name))
}

const word = new Int32Array(wakeups)
const statfs = emptyStatFs()
for (let heard = 0; ;) {
  Atomics.wait(word, 0, heard)
  heard = Atomics.load(word, 0)
  statFs(mountpoint, statfs)
}

function target(name: string): string {
  try {
    return readlinkSync(`/proc/thread-self/fd/${name}`)
  } catch {
    return ''
  }
}
