/**
 * Where a request points (RFC 9112, 3.2): the bucket and the key, in path style or, on the configured
 * domains, in virtual-host style. The path is decoded exactly once.
 */
import { Fault } from '../../lib/errors.ts'

export interface Target {
  /** The path as it was sent, percent-encoded: what the client signed. */
  readonly path: string
  /** Undecoded, without the question mark. */
  readonly query: string
  /** In lower case, with the port if there was one; '' where HTTP/1.0 sent none. */
  readonly host: string
}

export interface Address {
  /** '' for the service itself. */
  readonly bucket: string
  /** '' for the bucket itself. */
  readonly key: string
  readonly style: 'path' | 'virtual-host'
}

/** Splits the request line's target. Throws InvalidURI for `*` and whatever else is no path. */
export function parseTarget(url: string, host: string): Target {
  let target = url
  if (!target.startsWith('/')) {
    const absolute = /^https?:\/\/([^/?#]*)(.*)$/is.exec(target)
    if (absolute === null) throw new Fault('InvalidURI')
    // The signature covers Host, so no other authority may say which bucket this is.
    if (absolute[1]!.toLowerCase() !== host.toLowerCase()) throw new Fault('InvalidURI')
    target = absolute[2]!.startsWith('/') ? absolute[2]! : `/${absolute[2]!}`
  }
  const question = target.indexOf('?')
  return {
    path: question === -1 ? target : target.slice(0, question),
    query: question === -1 ? '' : target.slice(question + 1),
    host: host.toLowerCase(),
  }
}

/**
 * `domains` in lower case, without a port. Throws InvalidURI where the path can't be decoded, and
 * InvalidBucketName where it begins with two slashes.
 */
export function addressOf(target: Target, domains: readonly string[]): Address {
  const path = decodePercent(target.path)
  if (path === undefined) throw new Fault('InvalidURI')
  for (const domain of domains) {
    const bucket = bucketOfHost(target.host, domain)
    if (bucket !== undefined) return { bucket, key: path.slice(1), style: 'virtual-host' }
  }
  if (path.startsWith('//')) throw new Fault('InvalidBucketName')
  const slash = path.indexOf('/', 1)
  return slash === -1
    ? { bucket: path.slice(1), key: '', style: 'path' }
    : { bucket: path.slice(1, slash), key: path.slice(slash + 1), style: 'path' }
}

/** The bucket that `host` (in lower case, with or without a port) names beneath `domain`. */
export function bucketOfHost(host: string, domain: string): string | undefined {
  const colon = host.lastIndexOf(':')
  const name = colon === -1 ? host : host.slice(0, colon)
  if (name.length <= domain.length + 1 || !name.endsWith(domain)) return undefined
  const at = name.length - domain.length - 1
  return name[at] === '.' ? name.slice(0, at) : undefined
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Percent-decodes once. Node hands a request's bytes over as Latin-1, so bytes that were sent raw are taken as
 * the UTF-8 that they are. Undefined for an escape that is none, or for what isn't UTF-8.
 */
export function decodePercent(text: string): string | undefined {
  if (/^[\0-\x24\x26-\x7f]*$/.test(text)) return text
  const bytes = Buffer.from(text, 'latin1')
  let length = 0
  for (let i = 0; i < bytes.length; i++) {
    let byte = bytes[i]!
    if (byte === 0x25) {
      const high = digit(bytes[i + 1])
      const low = digit(bytes[i + 2])
      if (high === -1 || low === -1) return undefined
      byte = high * 16 + low
      i += 2
    }
    bytes[length++] = byte
  }
  try {
    return utf8.decode(bytes.subarray(0, length))
  } catch {
    return undefined
  }
}

function digit(byte: number | undefined): number {
  if (byte === undefined) return -1
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
