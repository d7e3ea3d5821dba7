/**
 * Share links: one file of one disk, open to whoever holds the link until it expires.
 *
 *     /-/s/TOKEN/photos/2026/cat.jpg
 *
 * TOKEN is base64url of: version (1 byte), key id (4), disk (8), expiry (5, seconds since the epoch, big
 * endian), and an Ed25519 signature of all of that and the path (64). The path stands in clear behind it, so that
 * a browser saves the file by its name, and isn't repeated in the token.
 *
 * Links of version 1 end in the first 16 bytes of an HMAC-SHA256 instead, which only who could make one can check:
 * control does, and none is made any more.
 *
 * Nothing is stored: a link lives as long as its key, its disk and its expiry allow.
 */
import { createHmac, sign, timingSafeEqual, verify, type KeyObject } from 'node:crypto'
import { parseDiskId, type DiskId } from '../disk.ts'
import { Fault } from '../errors.ts'
import type { Keyring } from './keyring.ts'
import { linkKey, linkSigner, type LinkKeyRecord } from './link-keys.ts'

export const sharePrefix = '/-/s/'

/** Seconds: what `twofold share` takes when it isn't told, and the most it may be told. */
export const shareSeconds = { default: 86_400, longest: 604_800 } as const

export interface Share {
  readonly diskId: DiskId
  /** The key: no leading slash. */
  readonly path: string
  /** Seconds since the epoch. */
  readonly expires: number
}

/** A link as it was written, whoever did: what it says is not to be believed yet. */
export interface ClaimedShare extends Share {
  readonly version: 1 | 2
  readonly keyId: string
  /** What was signed. */
  readonly signed: Buffer
  readonly signature: Buffer
}

const current = 2
const headLength = 1 + 4 + 8 + 5
const signatureLength = { 1: 16, 2: 64 } as const

/** The path of a link's URL, to stand behind the public URL. Signed with the keyring's current key. */
export function signShare(keyring: Keyring, share: Share): string {
  const signer = linkSigner(keyring, keyring.current)
  if (signer === undefined) throw new Error('the keyring lacks its current key')
  const head = headOf(current, keyring.current, share)
  const signature = sign(null, signedBytes(head, share.path), signer)
  return writeLink(head, signature, share.path)
}

/** What the raw path of a request says. Throws ShareInvalid for what can be no link. */
export function readShare(rawPath: string): ClaimedShare {
  const slash = rawPath.indexOf('/', sharePrefix.length)
  if (!rawPath.startsWith(sharePrefix) || slash < 0) throw new Fault('ShareInvalid')
  const token = rawPath.slice(sharePrefix.length, slash)
  const bytes = Buffer.from(token, 'base64url')
  const version = bytes[0]
  const path = decodePath(rawPath.slice(slash + 1))
  const diskId = parseDiskId(`dsk-${bytes.toString('hex', 5, 13)}`)
  if ((version !== 1 && version !== 2) || path === undefined || diskId === undefined)
    throw new Fault('ShareInvalid')
  // Another spelling of the same bytes is refused too, so that a link has one form.
  if (bytes.length !== headLength + signatureLength[version] || bytes.toString('base64url') !== token)
    throw new Fault('ShareInvalid')
  const head = bytes.subarray(0, headLength)
  const expires = head.readUIntBE(13, 5)
  return {
    version,
    keyId: head.toString('hex', 1, 5),
    diskId,
    path,
    expires,
    signed: signedBytes(head, path),
    signature: bytes.subarray(headLength),
  }
}

/** Throws ShareExpired. `now`: milliseconds since the epoch. */
export function requireUnexpired({ expires }: Share, now: number): void {
  if (now >= expires * 1000) throw new Fault('ShareExpired')
}

/** Checks links of the present version, by public keys. */
export class LinkVerifier {
  readonly #keys: ReadonlyMap<string, KeyObject>

  constructor(records: readonly LinkKeyRecord[]) {
    this.#keys = new Map(records.map((record) => [record.id, linkKey(record)]))
  }

  /** The keyring has this key still. */
  knows(keyId: string): boolean {
    return this.#keys.has(keyId)
  }

  /** Throws ShareInvalid for a link that we didn't sign, that is of version 1 or whose key is retired. */
  require({ version, keyId, signed, signature }: ClaimedShare): void {
    const key = this.#keys.get(keyId)
    if (version !== current || key === undefined || !verify(null, signed, key, signature))
      throw new Fault('ShareInvalid')
  }
}

/** The same of version 1, by whoever has the keyring. `until`: no such link that expires later was ever made. */
export function requireOldShare(keyring: Keyring, share: ClaimedShare, until: number): void {
  const key = keyring.derive(share.keyId, 'share')
  if (share.version !== 1 || key === undefined || share.expires > until) throw new Fault('ShareInvalid')
  const mac = createHmac('sha256', key).update(share.signed).digest().subarray(0, signatureLength[1])
  if (!timingSafeEqual(mac, share.signature)) throw new Fault('ShareInvalid')
}

function headOf(version: number, keyId: string, { diskId, expires }: Share): Buffer {
  const head = Buffer.alloc(headLength)
  head.writeUInt8(version, 0)
  head.write(keyId, 1, 'hex')
  head.write(diskId.slice(4), 5, 'hex')
  head.writeUIntBE(expires, 13, 5)
  return head
}

const signedBytes = (head: Uint8Array, path: string): Buffer => Buffer.concat([head, Buffer.from(path)])

function writeLink(head: Uint8Array, signature: Uint8Array, path: string): string {
  const token = Buffer.concat([head, signature]).toString('base64url')
  return `${sharePrefix}${token}/${path.split('/').map(encodeSegment).join('/')}`
}

/** All but RFC 3986's unreserved: mail programs and chats cut a link at `'`, `(`, `)`, `!` and `*`. */
const encodeSegment = (segment: string) =>
  encodeURIComponent(segment).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )

/** Undefined when it is no UTF-8 or its escapes are broken. */
function decodePath(rawPath: string): string | undefined {
  try {
    return decodeURIComponent(rawPath)
  } catch {
    return undefined
  }
}
