/**
 * The local key: 32-byte keys that S3 secrets derive from and that shares and continuation tokens are
 * signed with. Several are valid at once, one of them is current: rotating adds a key and leaves what the
 * older ones signed valid, retiring one ends all that it signed.
 *
 * A `Keyring` is a value. `KeyringFile` keeps it on disk for the control process, which alone has it: the doors are
 * told what they need of it and no key of it (door-keys.ts).
 */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { createHmac, randomBytes } from 'node:crypto'
import { dirname } from 'node:path'
import { Fault } from '../errors.ts'

/** 8 hex digits; minted by `rotate`, never reused. Stands in shares, tokens and S3 user records. */
export type KeyId = string & { readonly brand: 'KeyId' }

/** What a key is used for. Each purpose has a key of its own, so that no signature stands in for another. */
export type Purpose = 's3-secret' | 'share' | 'link' | 'continuation-token'

export interface KeyRecord {
  readonly id: string
  /** 32 bytes, base64. */
  readonly secret: string
  /** The first 8 bytes, in hex, of an HMAC under the key: a flipped bit is seen at the start. */
  readonly check: string
  /** RFC 3339, UTC. */
  readonly createdAt: string
}

/** As it lies in the file and travels over IPC. Secret. */
export interface KeyringRecord {
  readonly version: 1
  readonly current: string
  readonly keys: readonly KeyRecord[]
}

interface Key {
  readonly id: KeyId
  readonly secret: Buffer
  readonly createdAt: string
}

const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest()
const checkOf = (secret: Buffer) => hmac(secret, 'twofold keyring check').toString('hex', 0, 8)

export function parseKeyId(text: string): KeyId | undefined {
  return /^[0-9a-f]{8}$/.test(text) ? (text as KeyId) : undefined
}

export class Keyring {
  readonly #keys: ReadonlyMap<string, Key>
  readonly #current: Key
  readonly #derived = new Map<string, Buffer>()

  private constructor(keys: readonly Key[], current: Key) {
    this.#keys = new Map(keys.map((key) => [key.id, key]))
    this.#current = current
  }

  /** One fresh key. */
  static create(): Keyring {
    const key = newKey([])
    return new Keyring([key], key)
  }

  /** Throws KeyringInvalid. `from` names the source in the message. */
  static fromRecord(record: unknown, from = 'the keyring'): Keyring {
    const broken = (why: string) =>
      new Fault(
        'KeyringInvalid',
        `${from} is damaged (${why}): put back a copy, or move it away to start with new keys, ` +
          'which ends every S3 secret and share link',
      )
    if (!isObject(record) || record['version'] !== 1) throw broken('no version 1 record')
    if (!Array.isArray(record['keys'])) throw broken('no keys')
    const keys = record['keys'].map((entry: unknown): Key => {
      if (!isObject(entry)) throw broken('a key is no record')
      const { id, secret, check, createdAt } = entry
      const keyId = typeof id === 'string' ? parseKeyId(id) : undefined
      if (keyId === undefined || typeof createdAt !== 'string') throw broken('a key has no id or date')
      const bytes = typeof secret === 'string' ? Buffer.from(secret, 'base64') : Buffer.alloc(0)
      if (bytes.length !== 32 || check !== checkOf(bytes)) throw broken(`key ${keyId} fails its check`)
      return { id: keyId, secret: bytes, createdAt }
    })
    const current = keys.find((key) => key.id === record['current'])
    if (current === undefined) throw broken('the current key is missing')
    if (new Set(keys.map((key) => key.id)).size !== keys.length) throw broken('a key is there twice')
    return new Keyring(keys, current)
  }

  toRecord(): KeyringRecord {
    const keys = [...this.#keys.values()].map(({ id, secret, createdAt }) => ({
      id,
      secret: secret.toString('base64'),
      check: checkOf(secret),
      createdAt,
    }))
    return { version: 1, current: this.#current.id, keys }
  }

  /** The key that new things are signed with. */
  get current(): KeyId {
    return this.#current.id
  }

  /** Oldest first; no secrets. */
  list(): { id: KeyId; createdAt: string; current: boolean }[] {
    return [...this.#keys.values()].map(({ id, createdAt }) => ({
      id,
      createdAt,
      current: id === this.#current.id,
    }))
  }

  has(id: string): boolean {
    return this.#keys.has(id)
  }

  /** A 32-byte key for one purpose, or undefined when key `id` is unknown or retired. Not to be changed. */
  derive(id: string, purpose: Purpose): Buffer | undefined {
    const key = this.#keys.get(id)
    if (key === undefined) return undefined
    const name = `${id} ${purpose}`
    const known = this.#derived.get(name)
    if (known !== undefined) return known
    const derived = hmac(key.secret, `twofold 1 ${purpose}`)
    this.#derived.set(name, derived)
    return derived
  }

  /** With a fresh current key beside the others. */
  rotated(): Keyring {
    const key = newKey([...this.#keys.keys()])
    return new Keyring([...this.#keys.values(), key], key)
  }

  /** Without key `id`. Throws NoSuchKeyringKey, or KeyInUse for the current one. */
  retired(id: string): Keyring {
    if (!this.#keys.has(id)) throw new Fault('NoSuchKeyringKey', `The keyring has no key "${id}".`)
    if (id === this.#current.id) throw new Fault('KeyInUse', `Key ${id} is the current one: rotate first.`)
    return new Keyring(
      [...this.#keys.values()].filter((key) => key.id !== id),
      this.#current,
    )
  }
}

function newKey(taken: readonly string[]): Key {
  for (;;) {
    const id = randomBytes(4).toString('hex') as KeyId
    if (taken.includes(id)) continue
    return { id, secret: randomBytes(32), createdAt: new Date().toISOString() }
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

/** The keyring of a state directory. One process writes it: the one that holds the state directory's lock. */
export class KeyringFile {
  readonly path: string
  #keyring: Keyring

  private constructor(path: string, keyring: Keyring) {
    this.path = path
    this.#keyring = keyring
  }

  /**
   * Reads `path`, or makes it with one fresh key where there is none. Throws KeyringInvalid with the remedy
   * when the file is damaged, isn't ours alone (mode 0600, our own user) or is no regular file.
   */
  static open(path: string): KeyringFile {
    const found = read(path)
    if (found !== undefined) return new KeyringFile(path, found)
    const keyring = Keyring.create()
    const temporary = stage(path, keyring)
    try {
      // Unlike a rename, a link never replaces a keyring that came into being meanwhile.
      linkSync(temporary, path)
    } finally {
      unlinkSync(temporary)
    }
    syncDirectory(path)
    return new KeyringFile(path, keyring)
  }

  get keyring(): Keyring {
    return this.#keyring
  }

  /** Adds a key and makes it current; durable when it returns. */
  rotate(): KeyId {
    this.#replace(this.#keyring.rotated())
    return this.#keyring.current
  }

  /** Drops a key and ends what it signed; durable when it returns. Throws as `Keyring.retired`. */
  retire(id: string): void {
    this.#replace(this.#keyring.retired(id))
  }

  #replace(keyring: Keyring): void {
    const temporary = stage(this.path, keyring)
    try {
      renameSync(temporary, this.path)
    } catch (thrown) {
      unlinkSync(temporary)
      throw thrown
    }
    syncDirectory(this.path)
    this.#keyring = keyring
  }
}

function read(path: string): Keyring | undefined {
  const refuse = (why: string, remedy: string) =>
    new Fault('KeyringInvalid', `The keyring ${path} ${why}: ${remedy}`)
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
    if (code === 'ENOENT') return undefined
    if (code === 'ELOOP') throw refuse('is a symbolic link', 'put the file itself there')
    throw refuse(`can't be read (${String(code)})`, 'run as the user that made it')
  }
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw refuse('is no regular file', 'move it away')
    const us = process.geteuid?.() ?? stat.uid
    if (stat.uid !== us)
      throw refuse(`belongs to user ${stat.uid}, not to us (${us})`, `chown ${us} "${path}"`)
    if ((stat.mode & 0o177) !== 0) {
      const mode = (stat.mode & 0o777).toString(8)
      throw refuse(`has mode ${mode}, so that others may know it`, `chmod 600 "${path}"`)
    }
    return Keyring.fromRecord(parse(readFileSync(fd, 'utf8')), `The keyring ${path}`)
  } finally {
    closeSync(fd)
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Writes the keyring beside `path`, synced; the temporary's path. */
function stage(path: string, keyring: Keyring): string {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  const fd = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
  try {
    writeFileSync(fd, JSON.stringify(keyring.toRecord(), null, 2) + '\n')
    fsyncSync(fd)
  } catch (thrown) {
    unlinkSync(temporary)
    throw thrown
  } finally {
    closeSync(fd)
  }
  return temporary
}

function syncDirectory(path: string): void {
  const fd = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
