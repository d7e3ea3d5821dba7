/**
 * A request's header fields (RFC 9110, 5), read once from Node's raw list. Node's own `req.headers` keeps the
 * first of two Host or Authorization fields and forgets the other; here both are seen, so that a request
 * that says two things is refused.
 */
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
  /** Name, value, name, value, … as received. */
  readonly raw: readonly string[]
  readonly #values = new Map<string, string>()

  /** Throws BadRequest when a field of one value comes twice. */
  constructor(raw: readonly string[]) {
    this.raw = raw
    for (let i = 0; i + 1 < raw.length; i += 2) {
      const name = raw[i]!.toLowerCase()
      const value = raw[i + 1]!
      const before = this.#values.get(name)
      if (before === undefined) this.#values.set(name, value)
      else if (single.has(name)) throw new Fault('BadRequest', `The header ${name} came twice.`)
      else this.#values.set(name, `${before},${value}`)
    }
  }

  /** `name` in lower case. Several fields of one name are joined by a comma. */
  get(name: string): string | undefined {
    return this.#values.get(name)
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }
}
