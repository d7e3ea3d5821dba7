/**
 * The unix sockets that disk processes serve on. The primary makes each and hands it over, as it does with the S3
 * door's, so that whoever connects before its process runs waits in the backlog.
 *
 * Both ends go by the descriptor of the directory: a socket's path may have 107 bytes, and the state directory's name
 * be longer than that. The directory is closed to others; workers, which run as a user of their own, get in by
 * CAP_DAC_READ_SEARCH.
 */
import { chmodSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { DiskId } from '../../lib/disk.ts'
import { must } from '../../lib/sys/libc.ts'
import { AT_FDCWD, close, O, openat2 } from '../../lib/sys/open.ts'
import { listenUnix } from '../../lib/sys/socket.ts'

const backlog = 512

const directoryOf = (state: string): string => join(state, 'run')

/** Where to connect to, for a process that keeps the answer. */
export function openSockets(state: string): (diskId: DiskId) => string {
  let directory = -1
  return (diskId) => {
    if (directory < 0) {
      const path = directoryOf(state)
      directory = must(openat2(AT_FDCWD, path, O.PATH | O.DIRECTORY | O.NOFOLLOW), 'openat2', path)
    }
    return `/proc/self/fd/${directory}/${diskId}`
  }
}

export class DiskSockets {
  readonly #path: string
  readonly #pathOf: (diskId: DiskId) => string

  /** Makes the directory, and clears away what a killed daemon left in it. */
  constructor(state: string) {
    this.#path = directoryOf(state)
    mkdirSync(this.#path, { recursive: true, mode: 0o700 })
    chmodSync(this.#path, 0o700)
    for (const name of readdirSync(this.#path)) if (name.startsWith('dsk-')) rmSync(join(this.#path, name))
    this.#pathOf = openSockets(state)
  }

  /** A descriptor that listens. Throws SystemError. */
  open(diskId: DiskId): number {
    this.close(diskId, -1)
    const path = this.#pathOf(diskId)
    const fd = must(listenUnix(path, backlog), 'bind', join(this.#path, diskId))
    chmodSync(join(this.#path, diskId), 0o666)
    return fd
  }

  close(diskId: DiskId, fd: number): void {
    rmSync(join(this.#path, diskId), { force: true })
    if (fd >= 0) close(fd)
  }
}
