/**
 * What a door knows: the disks and the S3 users, replaced whole whenever control says so. Doors look up
 * here at every request, so that a revoked user is refused by the next one.
 */
import type { Disk, DiskId, S3User } from './disk.ts'

/** A user with what it signs by. */
export interface RosterUser extends S3User {
  /** The secret access key. */
  readonly secret: string
}

/** As it travels over IPC. Secret. */
export interface RosterRecord {
  readonly disks: readonly Disk[]
  readonly users: readonly RosterUser[]
}

export class Roster {
  #disks = new Map<string, Disk>()
  #byId = new Map<DiskId, Disk>()
  #users = new Map<string, RosterUser>()

  /** Replaces everything at once; a request sees the old roster or the new one. */
  replace(record: RosterRecord): void {
    const disks = new Map<string, Disk>()
    for (const disk of record.disks) {
      disks.set(disk.id, disk)
      if (disk.alias !== null) disks.set(disk.alias, disk)
    }
    this.#disks = disks
    this.#byId = new Map(record.disks.map((disk) => [disk.id, disk]))
    this.#users = new Map(record.users.map((user) => [user.accessKeyId, user]))
  }

  /** By id or alias. */
  bucket(name: string): Disk | undefined {
    return this.#disks.get(name)
  }

  disk(id: DiskId): Disk | undefined {
    return this.#byId.get(id)
  }

  disks(): Iterable<Disk> {
    return this.#byId.values()
  }

  user(accessKeyId: string): RosterUser | undefined {
    return this.#users.get(accessKeyId)
  }
}
