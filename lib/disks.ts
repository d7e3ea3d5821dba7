/**
 * The disks and what may be done to them. Held in memory, written to the store before anybody hears of a
 * change. Callers call one method at a time (the control process queues them).
 */
import { closeSync, mkdirSync, openSync, renameSync, rmdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { bucketName, newDiskId, parseAlias, type Disk, type DiskSettings } from './disk.ts'
import { Fault } from './errors.ts'
import { makeDirectories } from './make-directories.ts'
import { canonicalMountpoint, makeMountpoint, removeMountpoint } from './mountpoint.ts'
import {
  canonicalDirectory,
  contains,
  mountpointConflict,
  overlap,
  requireReadable,
  rootConflict,
  type Places,
} from './roots.ts'
import type { Purpose } from './path-walk.ts'
import { settings } from './store/records.ts'
import { put, remove, type Change, type Store } from './store/store.ts'
import { errnoName, errnoOf } from './sys/errno.ts'
import { mountsInside } from './sys/mountinfo.ts'
import { placedDirectory } from './trusted-path.ts'
import { HiddenState } from './tree/hidden-state.ts'
import { removeTree } from './tree/remove.ts'
import { identify, whyOffline } from './tree/root.ts'
import { Examiner } from './examiner.ts'
import { existingFile } from './tree/existing-file.ts'
import { mayNotAnswer, anyPathMayNotAnswer } from './tree/may-not-answer.ts'
import type { Key } from './tree/path.ts'

export type Tags = Readonly<Record<string, string>>

/** What a new disk may be told, beside its root. */
export interface DiskWishes {
  readonly alias?: string | null
  readonly tags?: Tags
  readonly settings?: { readonly [K in keyof DiskSettings]?: DiskSettings[K] | undefined }
}

export class Disks {
  readonly #store: Store
  readonly #places: Places
  readonly #hidden: HiddenState
  readonly #examiner = new Examiner()
  /** In the order of their making. */
  readonly #disks: Map<string, Disk>

  private constructor(store: Store, places: Places, disks: readonly Disk[]) {
    this.#store = store
    this.#places = places
    this.#hidden = new HiddenState(places.state)
    this.#disks = new Map(disks.map((disk) => [disk.id, disk]))
  }

  static async load(store: Store, places: Places): Promise<Disks> {
    const disks = await store.all('disks')
    disks.sort((a, b) => compare(a.createdAt, b.createdAt) || compare(a.id, b.id))
    return new Disks(store, places, disks)
  }

  list(): readonly Disk[] {
    return [...this.#disks.values()]
  }

  /** By id or alias. Throws NoSuchDisk. */
  find(name: string): Disk {
    const disk = this.#disks.get(name) ?? this.list().find(({ alias }) => alias === name)
    if (disk === undefined) throw new Fault('NoSuchDisk', `There is no disk "${name}".`)
    return disk
  }

  /** A disk whose files lie in the state directory and go when it goes. Throws AliasTaken, InvalidAlias. */
  async create(wishes: DiskWishes): Promise<Disk> {
    const id = newDiskId()
    const alias = this.#freeAlias(wishes.alias ?? null)
    const root = join(this.#places.state, 'disks', id)
    makeDirectories(dirname(root), 0o700)
    mkdirSync(root, { mode: 0o755 })
    try {
      return await this.#save(this.#fresh(id, alias, 'managed', root, identified(root), wishes))
    } catch (thrown) {
      rmdirSync(root)
      throw thrown
    }
  }

  /**
   * Makes the directory `path` a disk; nothing in it is changed, now or when the disk is removed. Throws
   * NotADirectory, AccessDenied, RootConflict, AliasTaken, InvalidAlias.
   */
  async adopt(path: string, wishes: DiskWishes): Promise<Disk> {
    const alias = this.#freeAlias(wishes.alias ?? null)
    const { root, identity } = await this.#adoptable(path)
    return this.#save(this.#fresh(newDiskId(), alias, 'adopted', root, identity, wishes))
  }

  /** Throws AliasTaken, InvalidAlias. */
  async change(disk: Disk, wishes: DiskWishes): Promise<Disk> {
    const alias = wishes.alias === undefined ? disk.alias : this.#freeAlias(wishes.alias, disk)
    return this.#save({
      ...disk,
      alias,
      tags: wishes.tags ?? disk.tags,
      settings: this.#settings({ ...disk.settings, ...wishes.settings }, wishes),
    })
  }

  /** Gives an adopted disk the root at `path`, whoever that is now. Throws as `adopt` does. */
  async rebind(disk: Disk, path: string): Promise<Disk> {
    if (disk.kind === 'managed' && (await this.#canonical(path)) !== disk.root) {
      throw new Fault(
        'RootConflict',
        `"${disk.alias ?? disk.id}" is a managed disk: its root stays ${disk.root}`,
      )
    }
    if (disk.kind === 'managed') return this.#save({ ...disk, identity: identified(disk.root) })
    return this.#save({ ...disk, ...(await this.#adoptable(path, disk)) })
  }

  /**
   * Where the disk is to be mounted from now on: at `mountpoint`, or beneath the directory of mounts; null for
   * nowhere. Makes the directory. Throws RootConflict, NotADirectory; Untrusted where others could lead the mount elsewhere.
   */
  async setMount(disk: Disk, mountpoint: string | null | undefined, readOnly: boolean): Promise<Disk> {
    if (mountpoint === null) return this.#save({ ...disk, mountpoint: null, mountMade: null })
    const wanted = mountpoint ?? join(this.#places.mounts, disk.alias ?? disk.id)
    if (!wanted.startsWith('/')) throw new Fault('NotADirectory', `${wanted} is not an absolute path`)
    const place = canonicalMountpoint(wanted)
    const conflict = this.#mountConflict(place, disk)
    if (conflict !== undefined) throw new Fault('RootConflict', `${conflict}: name another directory`)
    const made = makeMountpoint(place, this.#places.mounts)
    const mountMade = made ?? (place === disk.mountpoint ? disk.mountMade : null)
    try {
      return await this.#save({ ...disk, mountpoint: place, mountMade, mountReadOnly: readOnly })
    } catch (thrown) {
      if (made !== null) removeMountpoint(place, made)
      throw thrown
    }
  }

  /** Lets go of the disk's root, or takes it again. */
  async setLetGo(disk: Disk, letGo: boolean): Promise<Disk> {
    return this.#save({ ...disk, letGo })
  }

  /** Forgets the disk, and with it what `also` says. Its files stay until `discard`. */
  async forget(disk: Disk, also: readonly Change[]): Promise<void> {
    if (disk.kind === 'managed') {
      const inside = mountsInside(disk.root)[0]
      if (inside !== undefined) {
        throw new Fault('RootConflict', `something is mounted on ${inside.mountpoint}: unmount it first`)
      }
    }
    await this.#store.write([remove('disks', disk.id), ...also])
    this.#disks.delete(disk.id)
  }

  /** Removes the files of a managed disk that was forgotten; does nothing for an adopted one. */
  async discard(disk: Disk): Promise<void> {
    if (disk.kind !== 'managed') return
    const trash = join(this.#places.state, 'trash')
    makeDirectories(trash, 0o700)
    try {
      renameSync(disk.root, join(trash, basename(disk.root)))
    } catch (thrown) {
      if (errnoName(errnoOf(thrown)) === 'ENOENT') return
      throw thrown
    }
    const fd = openSync(trash, 'r')
    try {
      await removeTree(fd, basename(disk.root))
    } finally {
      closeSync(fd)
    }
  }

  /** One sentence when the disk's root can't be had as it was adopted, or undefined. */
  async offline(disk: Disk): Promise<string | undefined> {
    if (disk.letGo) return whyLetGo(disk)
    const refusal = this.rootRefusal(disk)
    if (refusal !== undefined) return refusal
    if (!mayNotAnswer(disk)) return whyOffline(disk)
    try {
      return (await this.#examiner.ask('whyOffline', disk.root, disk)) ?? undefined
    } catch (thrown) {
      if (thrown instanceof Fault) return thrown.message
      return `its root could not be examined: ${String(thrown)}`
    }
  }

  /** The key of a file that the disk has now. Throws NoSuchKey, DiskOffline. */
  async existingFile(disk: Disk, path: string): Promise<Key> {
    const reason = await this.offline(disk)
    if (reason !== undefined) throw new Fault('DiskOffline', reason)
    if (!mayNotAnswer(disk)) return existingFile(disk, path)
    return this.#examiner.ask('existingFile', disk.root, { disk, path })
  }

  /** One sentence when the disk's root may no longer be one, or undefined. */
  rootRefusal(disk: Disk): string | undefined {
    if (disk.kind === 'managed') return undefined
    return rootConflict(disk.root, this.#places, this.list(), disk) ?? this.#hidden.refusal(disk.root)
  }

  /** One sentence when the disk can't be mounted where it wants to be, or undefined. */
  mountRefusal(disk: Disk): string | undefined {
    if (disk.mountpoint === null) return undefined
    return this.#mountConflict(disk.mountpoint, disk)
  }

  /** What the path leads to may not answer. */
  async #canonical(path: string): Promise<string> {
    return anyPathMayNotAnswer()
      ? this.#examiner.ask('canonicalDirectory', path, path)
      : canonicalDirectory(path)
  }

  async #adoptable(path: string, disk?: Disk): Promise<Pick<Disk, 'root' | 'identity'>> {
    const root = await this.#canonical(path)
    const holder = this.list().find((other) => other.root === root && other.id !== disk?.id)
    if (holder !== undefined)
      throw new Fault(
        'RootConflict',
        `${root} is disk "${bucketName(holder)}" already: use that one, or remove it first`,
      )
    const conflict = rootConflict(root, this.#places, this.list(), disk) ?? this.#hidden.refusal(root)
    if (conflict !== undefined)
      throw new Fault('RootConflict', `${conflict}: name a directory that is apart from it`)
    if (anyPathMayNotAnswer()) return { root, identity: await this.#examiner.ask('identity', root, root) }
    requireReadable(root)
    return { root, identity: identified(root) }
  }

  /** What is mounted on the state directory by another path, the directory of mounts apart, would cover it there too. */
  #mountConflict(mountpoint: string, disk: Disk): string | undefined {
    const conflict = mountpointConflict(mountpoint, disk, this.#places, this.list())
    if (conflict !== undefined || contains(this.#places.mounts, mountpoint)) return conflict
    return this.#hidden.refusal(mountpoint)
  }

  /**
   * What S3 may follow links into is as canonical as a root, and never ours. Throws NotADirectory, AccessDenied,
   * Untrusted, RootConflict; InvalidArgument where links are to be followed and nothing says into what.
   */
  #settings(wanted: Readonly<Record<string, unknown>>, { settings: wishes = {} }: DiskWishes): DiskSettings {
    const parsed = settings(wanted, 'settings')
    if (wishes.symlinks === 'follow' && parsed.followInto.length === 0)
      throw new Fault(
        'InvalidArgument',
        'symlinks: follow needs the directories that links may lead to: name each with --follow-into DIR (followInto)',
      )
    if (wishes.followInto === undefined) return parsed
    const followInto = parsed.followInto.map((path) => {
      canonicalDirectory(path)
      const directory = placedDirectory(path, followed)
      if (overlap(directory, this.#places.state) || this.#hidden.refusal(directory) !== undefined)
        throw new Fault(
          'RootConflict',
          `${directory} is not apart from twofold's own state directory ${this.#places.state}: links may not lead there`,
        )
      return directory
    })
    return { ...parsed, followInto: [...new Set(followInto)] }
  }

  #freeAlias(alias: string | null, disk?: Disk): Disk['alias'] {
    if (alias === null) return null
    const parsed = parseAlias(alias)
    const holder = this.list().find((other) => other.alias === parsed)
    if (holder !== undefined && holder.id !== disk?.id) {
      throw new Fault('AliasTaken', `Disk ${holder.id} has the alias "${parsed}" already.`)
    }
    return parsed
  }

  #fresh(
    id: Disk['id'],
    alias: Disk['alias'],
    kind: Disk['kind'],
    root: string,
    identity: Disk['identity'],
    wishes: DiskWishes,
  ): Disk {
    return {
      id,
      alias,
      account: 'default',
      kind,
      root,
      identity,
      settings: this.#settings({ ...wishes.settings }, wishes),
      tags: wishes.tags ?? {},
      mountpoint: null,
      mountMade: null,
      mountReadOnly: false,
      letGo: false,
      createdAt: new Date().toISOString(),
    }
  }

  async #save(disk: Disk): Promise<Disk> {
    await this.#store.write([put('disks', disk)])
    this.#disks.set(disk.id, disk)
    return disk
  }
}

const whyLetGo = (disk: Disk): string =>
  `it was put offline: "twofold disk online ${bucketName(disk)}" brings it back`

const followed: Purpose = { what: 'where links may lead', how: 'with --follow-into DIR' }

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

function identified(root: string): Disk['identity'] {
  try {
    return identify(root)
  } catch (thrown) {
    throw new Fault('NotADirectory', `${root}: ${errnoName(errnoOf(thrown))}`)
  }
}
