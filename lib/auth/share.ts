/**
 * Share links: one file of one disk, open to whoever holds the link until it expires.
 *
 *     /-/s/TOKEN/photos/2026/cat.jpg
 *
 * TOKEN is base64url of: version (1 byte), key id (4), disk (8), expiry (5, seconds since the epoch, big
 * endian), and the first 16 bytes of an HMAC-SHA256 over all of that and the path. The path stands in clear
 * behind it, so that a browser saves the file by its name, and isn't repeated in the token.
 *
 * Nothing is stored: a link lives as long as its key, its disk and its expiry allow.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { parseDiskId, type DiskId } from '../disk.ts'
import { Fault } from '../errors.ts'
import type { Keyring } from './keyring.ts'

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

const version = 1
const headLength = 1 + 4 + 8 + 5
const macLength = 16

/** The path of a link's URL, to stand behind the public URL. Signed with the keyring's current key. */
export function signShare(keyring: Keyring, share: Share): string {
  const head = Buffer.alloc(headLength)
  head.writeUInt8(version, 0)
  head.write(keyring.current, 1, 'hex')
  head.write(share.diskId.slice(4), 5, 'hex')
  head.writeUIntBE(share.expires, 13, 5)
  const mac = macOf(keyring, keyring.current, head, share.path)
  if (mac === undefined) throw new Error('the keyring lacks its current key')
  const token = Buffer.concat([head, mac]).toString('base64url')
  return `${sharePrefix}${token}/${share.path.split('/').map(encodeSegment).join('/')}`
}

/**
 * The share that the raw path of a request names. `now` is in milliseconds since the epoch. Throws
 * ShareInvalid for a link that we didn't sign or whose key is retired, ShareExpired for one that has ended.
 * That its disk still exists is the caller's to see.
 */
export function verifyShare(keyring: Keyring, rawPath: string, now: number): Share {
  const slash = rawPath.indexOf('/', sharePrefix.length)
  if (!rawPath.startsWith(sharePrefix) || slash < 0) throw new Fault('ShareInvalid')
  const token = rawPath.slice(sharePrefix.length, slash)
  const bytes = Buffer.from(token, 'base64url')
  // Another spelling of the same bytes is refused too, so that a link has one form.
  if (bytes.length !== headLength + macLength || bytes.toString('base64url') !== token) {
    throw new Fault('ShareInvalid')
  }
  const head = bytes.subarray(0, headLength)
  const path = decodePath(rawPath.slice(slash + 1))
  const diskId = parseDiskId(`dsk-${head.toString('hex', 5, 13)}`)
  if (head[0] !== version || path === undefined || diskId === undefined) throw new Fault('ShareInvalid')
  const mac = macOf(keyring, head.toString('hex', 1, 5), head, path)
  if (mac === undefined || !timingSafeEqual(mac, bytes.subarray(headLength))) {
    throw new Fault('ShareInvalid')
  }
  const expires = head.readUIntBE(13, 5)
  if (now >= expires * 1000) throw new Fault('ShareExpired')
  return { diskId, path, expires }
}

function macOf(keyring: Keyring, keyId: string, head: Uint8Array, path: string): Buffer | undefined {
  const key = keyring.derive(keyId, 'share')
  if (key === undefined) return undefined
  return createHmac('sha256', key).update(head).update(path, 'utf8').digest().subarray(0, macLength)
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
