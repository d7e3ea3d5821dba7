/**
 * A request's header fields (RFC 9110, 5), read once from Node's raw list. Node's own `req.headers` keeps the
 * first of two Host or Authorization fields and forgets the other; here both are seen, so that a request
 * that says two things is refused.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { Fault } from '../../lib/errors.ts'

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

export class RequestHeaders {
  readonly #parsed: IncomingHttpHeaders
  /** Only where a name came twice; what Node made of that is not what was sent. */
  readonly #joined: Map<string, string> | undefined

  /** `raw` and `parsed` are Node's. Throws BadRequest when a field of one value comes twice. */
  constructor(raw: readonly string[], parsed: IncomingHttpHeaders) {
    this.#parsed = parsed
    this.#joined = Object.keys(parsed).length * 2 === raw.length ? undefined : join(raw)
  }

  /** `name` in lower case. Several fields of one name are joined by a comma. */
  get(name: string): string | undefined {
    if (this.#joined !== undefined) return this.#joined.get(name)
    const value = this.#parsed[name]
    return typeof value === 'string' ? value : value?.[0]
  }

  has(name: string): boolean {
    return this.get(name) !== undefined
  }
}

function join(raw: readonly string[]): Map<string, string> {
  const values = new Map<string, string>()
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase()
    const before = values.get(name)
    if (before === undefined) values.set(name, raw[i + 1]!)
    else if (single.has(name)) throw new Fault('BadRequest', `The header ${name} came twice.`)
    else values.set(name, `${before},${raw[i + 1]!}`)
  }
  return values
}
