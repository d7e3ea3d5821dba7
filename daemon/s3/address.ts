/**
 * Which bucket and key a request means: in path style or, on the configured domains, in virtual-host style. The path
 * is decoded exactly once.
 */
import { Fault } from '../../lib/errors.ts'
import { decodePercent } from '../http/percent.ts'
import type { Target } from '../http/request-target.ts'

export interface Address {
  /** '' for the service itself. */
  readonly bucket: string
  /** '' for the bucket itself. */
  readonly key: string
  readonly style: 'path' | 'virtual-host'
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
