/**
 * SigV4's canonical forms. Text comes from Node's parser and so is latin1: each code unit is a byte of what
 * the client sent.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
import { Fault } from '../errors.ts'
import { LRUCache } from '../lru.ts'

/** A byte as it stands in a canonical path or query: itself when unreserved (RFC 3986), else %XX. */
const encoded = Array.from({ length: 256 }, (_, byte) => {
  const char = String.fromCharCode(byte)
  return /[A-Za-z0-9\-._~]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
})
const unreserved = /^[A-Za-z0-9\-._~]*$/
const plainPath = /^[A-Za-z0-9\-._~/]*$/

const invalid = () => new Fault('InvalidURI')

/** Decodes once, then encodes strictly, byte by byte. Throws InvalidURI for a broken escape. */
function reencode(text: string, slash: string, plus: string): string {
  let out = ''
  for (let i = 0; i < text.length; i++) {
    let byte = text.charCodeAt(i)
    if (byte === 0x25) {
      const digits = text.slice(i + 1, i + 3)
      if (!/^[0-9A-Fa-f]{2}$/.test(digits)) throw invalid()
      byte = parseInt(digits, 16)
      i += 2
    } else if (byte === 0x2b) {
      out += plus
      continue
    }
    if (byte > 0xff) throw invalid()
    out += byte === 0x2f ? slash : encoded[byte]
  }
  return out
}

/**
 * Path and query of a request target, both raw. The absolute form (`GET http://host/path`) loses its
 * authority. Throws InvalidURI for any other form, and for a fragment.
 */
export function splitTarget(target: string): { path: string; query: string } {
  let rest = target
  if (!rest.startsWith('/')) {
    const authority = /^https?:\/\/[^/?#]*/i.exec(rest)
    if (authority === null) throw invalid()
    rest = rest.slice(authority[0].length)
    if (!rest.startsWith('/')) rest = `/${rest}`
  }
  if (rest.includes('#')) throw invalid()
  const mark = rest.indexOf('?')
  return mark < 0 ? { path: rest, query: '' } : { path: rest.slice(0, mark), query: rest.slice(mark + 1) }
}

/** S3 neither removes dot segments nor joins slashes. */
export const canonicalPath = (path: string): string =>
  plainPath.test(path) ? path : reencode(path, '/', '%2B')

/** A query's parameters in the order sent, names and values in canonical encoding; `+` is a space. */
export type Parameters = readonly (readonly [name: string, value: string])[]

export function parseQuery(query: string): Parameters {
  if (query === '') return []
  const canonical = (text: string) => (unreserved.test(text) ? text : reencode(text, '%2F', '%20'))
  const parameters: [string, string][] = []
  for (const part of query.split('&')) {
    if (part === '') continue
    const equals = part.indexOf('=')
    if (equals < 0) parameters.push([canonical(part), ''])
    else parameters.push([canonical(part.slice(0, equals)), canonical(part.slice(equals + 1))])
  }
  return parameters
}

const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

/** Sorted by name, then by value; without the parameter `omit`. */
export function canonicalQuery(parameters: Parameters, omit?: string): string {
  if (parameters.length === 0) return ''
  return parameters
    .filter(([name]) => name !== omit)
    .sort((a, b) => order(a[0], b[0]) || order(a[1], b[1]))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

/** Node's `rawHeaders` taken apart: the names in lowercase, and at the same places the values as sent. */
export interface Headers {
  readonly names: readonly string[]
  readonly values: readonly string[]
}

export function splitHeaders(rawHeaders: readonly string[]): Headers {
  const names: string[] = []
  const values: string[] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    names.push(rawHeaders[i]!.toLowerCase())
    values.push(rawHeaders[i + 1]!)
  }
  return { names, values }
}

/** The names of a SignedHeaders list, with their places. Lists repeat, so parsed ones are kept. */
export interface SignedHeaders {
  /** Sorted, joined by `;`. */
  readonly list: string
  readonly names: readonly string[]
  readonly index: ReadonlyMap<string, number>
}

const lists = new LRUCache<string, SignedHeaders>({ max: 256 })

/** Undefined when the list is empty, names a header twice or holds what no header is called. */
export function parseSignedHeaders(list: string): SignedHeaders | undefined {
  const known = lists.get(list)
  if (known !== undefined) return known
  const names = list.toLowerCase().split(';').sort(order)
  if (!names.every((name) => /^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name))) return undefined
  const index = new Map(names.map((name, at) => [name, at]))
  if (index.size !== names.length) return undefined
  const parsed = { list: names.join(';'), names, index }
  if (list.length < 512) lists.set(list, parsed)
  return parsed
}

/** Runs of white space become one space, leading and trailing ones go. */
export function canonicalValue(value: string): string {
  if (!whiteSpace.test(value)) return value
  return needsTrim.test(value) ? value.replace(/[ \t\r\n]+/g, ' ').replace(/^ | $/g, '') : value
}
/** Most values have none, and the longer question is the dearer one. */
const whiteSpace = /[ \t\r\n]/
const needsTrim = /^[ \t]|[ \t]$| {2}|[\t\r\n]/
