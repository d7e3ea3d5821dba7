/** The S3 users of all disks. Their secrets are derived, and stored nowhere. */
import type { Disk, DiskId, S3User } from './disk.ts'
import { Fault } from './errors.ts'
import { newAccessKeyId, secretOf } from './auth/credentials.ts'
import type { Keyring } from './auth/keyring.ts'
import type { RosterUser } from './roster.ts'
import { put, remove, type Change, type Store } from './store/store.ts'

export class Users {
  readonly #store: Store
  /** By access key id, in the order of their making. */
  readonly #users: Map<string, S3User>
  /** Derived once: with each publication the doors are told all of them. */
  readonly #secrets = new WeakMap<S3User, string>()

  private constructor(store: Store, users: readonly S3User[]) {
    this.#store = store
    this.#users = new Map(users.map((user) => [user.accessKeyId, user]))
  }

  static async load(store: Store): Promise<Users> {
    const users = await store.all('users')
    users.sort((a, b) => (a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : 0))
    return new Users(store, users)
  }

  list(): readonly S3User[] {
    return [...this.#users.values()]
  }

  of(diskId: DiskId): readonly S3User[] {
    return this.list().filter((user) => user.diskId === diskId)
  }

  /** By access key id or name. Throws NoSuchUser. */
  find(disk: Disk, identifier: string): S3User {
    const found = this.of(disk.id).find((user) => user.accessKeyId === identifier || user.name === identifier)
    if (found === undefined) {
      throw new Fault('NoSuchUser', `Disk "${disk.alias ?? disk.id}" has no S3 user "${identifier}".`)
    }
    return found
  }

  /** Throws UserExists. */
  async add(disk: Disk, name: string, access: S3User['access'], keyring: Keyring): Promise<S3User> {
    if (name !== name.trim() || /[\u0000-\u001f\u007f]/.test(name)) {
      throw new Fault('InvalidArgument', `"${name}" is no name: no control characters, no space at its ends`)
    }
    if (this.of(disk.id).some((user) => user.name === name || user.accessKeyId === name)) {
      throw new Fault('UserExists', `Disk "${disk.alias ?? disk.id}" has an S3 user "${name}" already.`)
    }
    return this.#save(fresh(disk.id, name, access, keyring), [])
  }

  /** The same user with another access key; the old one is gone in the same instant. */
  async rotate(user: S3User, keyring: Keyring): Promise<S3User> {
    const next = { ...fresh(user.diskId, user.name, user.access, keyring), createdAt: user.createdAt }
    await this.#save(next, [remove('users', user.accessKeyId)])
    this.#users.delete(user.accessKeyId)
    return next
  }

  /** With what each signs by; without those whose key is retired. */
  withSecrets(keyring: Keyring): RosterUser[] {
    return this.list().flatMap((user) => {
      const known = this.#secrets.get(user)
      const secret = known !== undefined && keyring.has(user.keyId) ? known : secretOf(keyring, user)
      if (secret === undefined) return []
      this.#secrets.set(user, secret)
      return [{ ...user, secret }]
    })
  }

  async revoke(user: S3User): Promise<void> {
    await this.#store.write([remove('users', user.accessKeyId)])
    this.#users.delete(user.accessKeyId)
  }

  /** The changes that take a disk's users out of the store; `forget` then takes them from memory. */
  removals(diskId: DiskId): Change[] {
    return this.of(diskId).map((user) => remove('users', user.accessKeyId))
  }

  forget(diskId: DiskId): void {
    for (const user of this.of(diskId)) this.#users.delete(user.accessKeyId)
  }

  async #save(user: S3User, also: readonly Change[]): Promise<S3User> {
    await this.#store.write([put('users', user), ...also])
    this.#users.set(user.accessKeyId, user)
    return user
  }
}

const fresh = (diskId: DiskId, name: string, access: S3User['access'], keyring: Keyring): S3User => ({
  accessKeyId: newAccessKeyId(),
  diskId,
  name,
  access,
  keyId: keyring.current,
  createdAt: new Date().toISOString(),
})

/** For the one time that it is shown. Throws NoSuchUser when the user's key is retired. */
export function secretToShow(keyring: Keyring, user: S3User): string {
  const secret = secretOf(keyring, user)
  if (secret === undefined) throw new Fault('NoSuchUser', `The key of user "${user.name}" is retired.`)
  return secret
}
