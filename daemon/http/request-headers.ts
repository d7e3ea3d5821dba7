/**
 * A request's header fields (RFC 9110, 5), read once from Node's raw list. Node's own `req.headers` keeps the
 * first of two Host or Authorization fields and forgets the other; here both are seen, so that a request
 * that says two things is refused.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { splitHeaders, type Headers } from '../../lib/auth/canonical.ts'
import { Fault } from '../../lib/errors.ts'

/** Lines of a head, beyond which it is refused: Node forgets those beyond a number that it was told. */
export const mostHeaderLines = 1000

/** Fields that S3 reads as one value: a second one contradicts the first. */
const single = new Set([
  'authorization',
  'content-length',
  'content-md5',
  'content-type',
  'date',
  'expect',
  'host',
  'if-modified-since',
  'if-unmodified-since',
  'range',
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-security-token',
])

export class RequestHeaders implements Headers {
  readonly names: readonly string[]
  readonly values: readonly string[]
  /** Only where a name came twice; what Node made of that is not what was sent. */
  #joined: Map<string, string> | undefined

  /**
   * `raw` and `parsed` are Node's. Throws BadRequest when a field of one value comes twice, and
   * RequestHeaderSectionTooLarge when there are more lines than `mostHeaderLines`.
   */
  constructor(raw: readonly string[], parsed: IncomingHttpHeaders) {
    if (raw.length > 2 * mostHeaderLines)
      throw new Fault(
        'RequestHeaderSectionTooLarge',
        `A request has at most ${mostHeaderLines} header lines.`,
      )
    const names = Object.keys(parsed)
    if (names.length * 2 === raw.length) {
      // Node's own strings for the names of an object compare and hash faster than fresh ones.
      const values: string[] = []
      for (const name of names) values.push(textOf(parsed[name]))
      this.names = names
      this.values = values
    } else {
      const { names, values } = splitHeaders(raw)
      this.names = names
      this.values = values
      this.#joined = join(names, values)
    }
  }

  /** `name` in lower case. Several fields of one name are joined by a comma. */
  get(name: string): string | undefined {
    if (this.#joined !== undefined) return this.#joined.get(name)
    for (let i = 0; i < this.names.length; i++) if (this.names[i] === name) return this.values[i]
    return undefined
  }

  has(name: string): boolean {
    return this.get(name) !== undefined
  }
}

/** Node puts the one value of some names into an array. */
const textOf = (value: string | string[] | undefined): string =>
  typeof value === 'string' ? value : (value?.[0] ?? '')

function join(names: readonly string[], values: readonly string[]): Map<string, string> {
  const joined = new Map<string, string>()
  for (const [i, name] of names.entries()) {
    const before = joined.get(name)
    if (before === undefined) joined.set(name, values[i]!)
    else if (single.has(name)) throw new Fault('BadRequest', `The header ${name} came twice.`)
    else joined.set(name, `${before},${values[i]!}`)
  }
  return joined
}
