/** Conditional requests (RFC 9110, 13): the four that S3 reads, in the RFC's order of precedence. */
import { parseHttpDate } from './http-date.ts'

export interface Conditions {
  readonly ifMatch: string | undefined
  readonly ifNoneMatch: string | undefined
  readonly ifModifiedSince: string | undefined
  readonly ifUnmodifiedSince: string | undefined
}

/** `now` and `mtime` in seconds since the epoch, `mtime` in whole ones; `etag` without quotes. */
export function judge(
  conditions: Conditions,
  etag: string,
  mtime: number,
  now: number,
): 'proceed' | 'not-modified' | 'failed' {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = conditions
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, etag, 'strong')) return 'failed'
  } else if (ifUnmodifiedSince !== undefined) {
    const since = parseHttpDate(ifUnmodifiedSince)
    if (since !== undefined && mtime > since) return 'failed'
  }
  if (ifNoneMatch !== undefined) {
    if (matches(ifNoneMatch, etag, 'weak')) return 'not-modified'
  } else if (ifModifiedSince !== undefined) {
    const since = parseHttpDate(ifModifiedSince)
    if (since !== undefined && since <= now && mtime <= since) return 'not-modified'
  }
  return 'proceed'
}

/** `*`, or a list of entity tags. S3's clients leave out the quotes at times. */
function matches(header: string, etag: string, comparison: 'strong' | 'weak'): boolean {
  const text = header.trim()
  if (text === '*' || text === etag) return true
  for (const [tag] of text.matchAll(/(?:W\/)?"[^"]*"|[^\s,]+/g)) {
    if (tag === `"${etag}"` || tag === etag) return true
    if (comparison === 'weak' && tag === `W/"${etag}"`) return true
  }
  return false
}

/**
 * If-Range (RFC 9110, 13.1.5): whether the Range beside it counts. A date must be the very Last-Modified.
 */
export function rangeStands(ifRange: string | undefined, etag: string, mtime: number): boolean {
  if (ifRange === undefined) return true
  const text = ifRange.trim()
  return text === `"${etag}"` || text === etag || parseHttpDate(text) === mtime
}
