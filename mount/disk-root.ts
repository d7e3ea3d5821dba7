/** The root that a file system hangs from: who it must be, whether it is there, and what is mounted inside. */
import { SystemError } from '../lib/sys/errno.ts'
import { must } from '../lib/sys/libc.ts'
import { AT_EMPTY_PATH, AT_FDCWD, close, O, openat2 } from '../lib/sys/open.ts'
import { emptyStat, statInto } from '../lib/sys/stat.ts'
import { emptyStatFs, statFs } from '../lib/sys/statfs.ts'
import type { DiskSource } from './disk-source.ts'
import { Nodes } from './nodes.ts'

/** Birth times change there when a file is copied up (linux/magic.h). */
const OVERLAYFS_SUPER_MAGIC = 0x794c7630
const checkEvery = 1000

export class DiskRoot {
  readonly nodes: Nodes
  readonly #source: DiskSource
  readonly #stat = emptyStat()
  #offline = false
  /** Milliseconds since the epoch. */
  #checked = 0

  constructor(source: DiskSource) {
    this.#source = source
    const fd = must(openat2(AT_FDCWD, source.root, O.PATH | O.DIRECTORY), 'openat2', source.root)
    const stat = emptyStat()
    const fileSystem = emptyStatFs()
    const result = Math.min(statInto(fd, '', AT_EMPTY_PATH, stat), statFs(fd, fileSystem))
    if (result < 0) {
      close(fd)
      throw new SystemError(-result, 'statx', source.root)
    }
    const limit = source.maxDescriptors > 0 ? source.maxDescriptors : 4096
    this.nodes = new Nodes(fd, stat, limit, fileSystem.type !== OVERLAYFS_SUPER_MAGIC)
  }

  /** Whether the root is away. Asks the path at most once a second. */
  get offline(): boolean {
    const now = Date.now()
    if (now - this.#checked >= checkEvery || now < this.#checked) {
      this.#checked = now
      this.#check()
    }
    return this.#offline
  }

  /** Whether something may be mounted inside the root that must not be shown. */
  hidesMounts(): boolean {
    return !this.#source.crossDevices
  }

  close(): void {
    this.nodes.releaseAll()
  }

  #check(): void {
    const { root, rootStat } = this.nodes
    const { ino, dev } = rootStat
    const result = statInto(AT_FDCWD, this.#source.root, 0, this.#stat)
    const there = result >= 0 && this.#stat.ino === ino && this.#stat.dev === dev
    if (!there) {
      if (!this.#offline) this.nodes.releaseAll()
      this.#offline = true
      return
    }
    if (!this.#offline) return
    const fd = openat2(AT_FDCWD, this.#source.root, O.PATH | O.DIRECTORY)
    if (fd < 0) return
    if (statInto(fd, '', AT_EMPTY_PATH, this.#stat) < 0 || this.#stat.ino !== ino || this.#stat.dev !== dev) {
      close(fd)
      return
    }
    rootStat.mntId = this.#stat.mntId
    root.fd = fd
    this.#offline = false
  }
}
