/** Conditional requests (RFC 9110, 13): the four that S3 reads, in the RFC's order of precedence. */

export interface Conditions {
  readonly ifMatch: string | undefined
  readonly ifNoneMatch: string | undefined
  readonly ifModifiedSince: string | undefined
  readonly ifUnmodifiedSince: string | undefined
}

/** `now` and `mtime` in whole seconds since the epoch; `etag` without quotes. */
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

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/**
 * The three forms of RFC 9110, 5.6.7, in seconds since the epoch; undefined for anything else, which makes the
 * condition count as absent. A year of two digits more than 50 years ahead is one of the century before.
 */
export function parseHttpDate(text: string): number | undefined {
  const fixed = /^\w{3}, (\d\d) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$/i.exec(text.trim())
  if (fixed !== null) return seconds(fixed[3], fixed[2], fixed[1], fixed[4], fixed[5], fixed[6])
  const rfc850 = /^\w{6,9}, (\d\d)-(\w{3})-(\d\d) (\d\d):(\d\d):(\d\d) GMT$/i.exec(text.trim())
  if (rfc850 !== null) {
    const thisYear = new Date().getUTCFullYear()
    const near = Math.floor(thisYear / 100) * 100 + Number(rfc850[3])
    const year = near > thisYear + 50 ? near - 100 : near
    return seconds(String(year), rfc850[2], rfc850[1], rfc850[4], rfc850[5], rfc850[6])
  }
  const asctime = /^\w{3} (\w{3}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})$/i.exec(text.trim())
  if (asctime !== null) return seconds(asctime[6], asctime[1], asctime[2], asctime[3], asctime[4], asctime[5])
  return undefined
}

function seconds(year = '', name = '', day = '', hour = '', minute = '', second = ''): number | undefined {
  const month = months.indexOf(name.toLowerCase())
  if (month === -1 || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined
  const date = new Date(0)
  date.setUTCFullYear(Number(year), month, Number(day))
  if (date.getUTCMonth() !== month) return undefined
  return date.setUTCHours(Number(hour), Number(minute), Number(second)) / 1000
}

/**
 * If-Range (RFC 9110, 13.1.5): whether the Range beside it counts. A date must be the very Last-Modified.
 */
export function rangeStands(ifRange: string | undefined, etag: string, mtime: number): boolean {
  if (ifRange === undefined) return true
  const text = ifRange.trim()
  return text === `"${etag}"` || text === etag || parseHttpDate(text) === mtime
}
