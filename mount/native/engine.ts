/**
 * The fuse-native engine: libfuse 2 through the npm package, the one file that imports it. It runs where the
 * kernel engine can't. docs/mount.md says what it does without.
 *
 * The package's addon needs libfuse.so.2 and has no path to it; the copy that it ships is loaded before it, so
 * that no system package is wanted. Unmounting is done as for the other engine: the package's own way is a shell command.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { surroundings } from '../../lib/config.ts'
import { Fault } from '../../lib/errors.ts'
import { withMountpoint } from '../../lib/mountpoint.ts'
import { identityOfNew, standing, unmountStanding, type MountIdentity } from '../../lib/standing-mount.ts'
import { descriptorPath } from '../../lib/sys/attributes.ts'
import { errno } from '../../lib/sys/errno.ts'
import { preload } from '../../lib/sys/libc.ts'
import { mountTable } from '../../lib/sys/mountinfo.ts'
import { deviceRefusal } from '../device-refusal.ts'
import { openDiskFilesystem } from '../disk/filesystem.ts'
import type { Engine, Feature, MountOptions, MountSession, MountStatistics } from '../engine.ts'
import type { Filesystem } from '../filesystem.ts'
import { printLine } from '../kernel/print-line.ts'
import { NativeOperations, type Signal } from './operations.ts'

interface Fuse {
  mnt: string
  /** Called by the package with (addon's own record, operation's number, …arguments). */
  _handlers: ((...args: unknown[]) => unknown)[]
  _fuseOptions: () => string
  mount(done: (error: Error | null) => void): void
}
type FuseClass = new (mountpoint: string, operations: Record<string, true>, options: object) => Fuse

const isRoot = process.getuid?.() === 0
const require = createRequire(import.meta.url)

let loaded: FuseClass | undefined
function fuseNative(): FuseClass {
  if (loaded !== undefined) return loaded
  const home = dirname(require.resolve('fuse-native/package.json'))
  const library = join(home, 'prebuilds', `linux-${process.arch}`, 'libfuse.so')
  if (existsSync(library)) preload(library)
  loaded = require('fuse-native') as FuseClass
  return loaded
}

const operationNames = Object.getOwnPropertyNames(NativeOperations.prototype).filter(
  (name) => name !== 'constructor' && name !== 'close',
) as Exclude<keyof NativeOperations, 'close'>[]

export const fuseNativeEngine: Engine = {
  name: 'fuse-native',
  supports: new Set<Feature>(['longPaths', 'unlinkedOpen', 'xattrFlags']),

  unavailable() {
    const closed = deviceRefusal()
    if (closed !== null) return closed
    // libfuse knows it by this name only.
    if (!isRoot && !fusermount()?.endsWith('/fusermount'))
      return 'fusermount is missing, which mounts for those who are not root: install "fuse" or "fuse3"'
    try {
      fuseNative()
      return null
    } catch (error) {
      return `fuse-native can't be loaded: ${error instanceof Error ? error.message : String(error)}`
    }
  },

  async start(disk, mountpoint, options) {
    const reason = this.unavailable()
    if (reason !== null) throw new Fault('Unsupported', reason)
    const filesystem = openDiskFilesystem(disk, null)
    const operations = new NativeOperations(filesystem)
    const counts = new Map<string, { count: number; nanoseconds: number }>()
    const FuseNative = fuseNative()
    const implemented = Object.fromEntries(operationNames.map((name) => [name, true as const]))
    const fuse = new FuseNative(mountpoint, implemented, { timeout: false })
    fuse._fuseOptions = () => mountOptions(options)
    for (const name of operationNames) {
      const counter = { count: 0, nanoseconds: 0 }
      counts.set(name.toUpperCase(), counter)
      const run = operations[name].bind(operations) as (signal: Signal, ...args: unknown[]) => void
      const operation = (signal: Signal, ...args: unknown[]) => {
        const began = process.hrtime.bigint()
        let answered = false
        const answer: Signal = (result, ...more) => {
          answered = true
          if (options.trace) printLine(`${name} ${traced(args)} = ${result}`)
          signal(result, ...more)
        }
        try {
          run(answer, ...args)
        } catch (error) {
          if (!answered) signal(-errno.EIO, ...(args[2] instanceof Uint8Array ? [0, args[2].buffer] : []))
          printLine(`${name}: ${error instanceof Error ? error.stack : String(error)}`)
        }
        counter.count++
        counter.nanoseconds += Number(process.hrtime.bigint() - began)
      }
      Object.assign(fuse, { [`_op_${name}`]: operation })
    }
    const before = mountTable()
    let mount: MountIdentity
    try {
      await mountHere(fuse, mountpoint)
      mount = identityOfNew(before, mountpoint)
    } catch (error) {
      filesystem.close()
      if (error instanceof Fault) throw error
      throw new Fault(
        'MountFailed',
        `${mountpoint}: ${error instanceof Error ? error.message : String(error)}`,
      )
    }
    return new NativeSession(mountpoint, mount, filesystem, operations, counts)
  },
}

/**
 * Mounts on the directory that `mountpoint` leads to, by its descriptor. The package takes a path alone, and so does
 * the program that mounts for who isn't root: the working directory is the one that nobody can exchange.
 */
async function mountHere(fuse: Fuse, mountpoint: string): Promise<void> {
  const away = process.cwd()
  withMountpoint(mountpoint, (directory) => process.chdir(descriptorPath(directory)))
  fuse.mnt = '.'
  try {
    await new Promise<void>((resolve, reject) => {
      fuse.mount((error) => (error ? reject(error) : resolve()))
    })
  } finally {
    process.chdir(away)
  }
}

class NativeSession implements MountSession {
  readonly engine = 'fuse-native'
  readonly mountpoint: string
  readonly mount: MountIdentity
  readonly closed: Promise<void>
  readonly notice = null
  readonly passthrough = false
  readonly #filesystem: Filesystem
  readonly #operations: NativeOperations
  readonly #counts: Map<string, { count: number; nanoseconds: number }>
  #check: () => void = () => undefined

  constructor(
    mountpoint: string,
    mount: MountIdentity,
    filesystem: Filesystem,
    operations: NativeOperations,
    counts: Map<string, { count: number; nanoseconds: number }>,
  ) {
    this.mountpoint = mountpoint
    this.mount = mount
    this.#filesystem = filesystem
    this.#operations = operations
    this.#counts = counts
    // The package doesn't say when its thread ends, so the table of mounts is asked.
    this.closed = new Promise((resolve) => {
      const timer = setInterval(() => this.#check(), 1000)
      this.#check = () => {
        if (standing(mount) !== undefined) return
        clearInterval(timer)
        this.#check = () => undefined
        this.#operations.close()
        this.#filesystem.close()
        resolve()
      }
    })
  }

  async unmount(lazy: boolean): Promise<void> {
    unmountStanding(this.mount, lazy)
    this.#check()
  }

  async invalidate(): Promise<void> {}

  async statistics(): Promise<MountStatistics> {
    const { nodes, handles, refusedHandles, descriptors } = this.#filesystem.usage()
    return {
      operations: Object.fromEntries(this.#counts),
      nodes,
      handles,
      refusedHandles,
      descriptors,
      passthrough: false,
      bytesRead: null,
      bytesWritten: null,
    }
  }
}

/** As libfuse takes them; a comma in a value is escaped. */
function mountOptions(options: MountOptions): string {
  const parts = [
    'big_writes',
    'use_ino',
    'default_permissions',
    'subtype=twofold',
    `fsname=${options.source.replace(/([\\,])/g, '\\$1')}`,
    `attr_timeout=${options.attributeTimeout}`,
    `entry_timeout=${options.entryTimeout}`,
    'negative_timeout=0',
  ]
  if (options.readOnly) parts.push('ro')
  if (options.allowOther) parts.push('allow_other')
  return `-o${parts.join(',')}`
}

/** Its path, or undefined. */
function fusermount(): string | undefined {
  const directories = (surroundings().path ?? '/usr/bin:/bin').split(':')
  for (const name of ['fusermount', 'fusermount3']) {
    for (const directory of directories) {
      const path = join(directory, name)
      if (existsSync(path)) return path
    }
  }
  return undefined
}

const traced = (args: unknown[]): string =>
  args
    .map((arg) =>
      arg instanceof Uint8Array ? `<${arg.length} bytes>` : (JSON.stringify(arg) ?? String(arg)),
    )
    .join(', ')
