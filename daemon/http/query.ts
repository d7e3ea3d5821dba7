/** A request's query: decoded once, as a form (`+` is a space), in the order received. */
import { Fault } from '../../lib/errors.ts'
import { decodePercent } from './percent.ts'

export class Query {
  /** Undecoded, without the question mark. */
  readonly raw: string
  /** Decoded names and values. */
  readonly pairs: readonly (readonly [name: string, value: string])[]

  /** Throws InvalidURI for an escape that is none, or bytes that aren't UTF-8. */
  constructor(raw: string) {
    this.raw = raw
    if (raw === '') {
      this.pairs = none
      return
    }
    const pairs: [string, string][] = []
    for (const part of raw.split('&')) {
      if (part === '') continue
      const equals = part.indexOf('=')
      const name = equals === -1 ? part : part.slice(0, equals)
      const value = equals === -1 ? '' : part.slice(equals + 1)
      pairs.push([decodeForm(name), decodeForm(value)])
    }
    this.pairs = pairs
  }

  /** The first value of `name`; '' when it stands without one. */
  get(name: string): string | undefined {
    for (const pair of this.pairs) if (pair[0] === name) return pair[1]
    return undefined
  }

  has(name: string): boolean {
    return this.get(name) !== undefined
  }

  /** Like `get`, but an empty value counts as absent. */
  text(name: string): string | undefined {
    const value = this.get(name)
    return value === '' ? undefined : value
  }
}

const none: readonly (readonly [string, string])[] = []

function decodeForm(text: string): string {
  const decoded = decodePercent(text.includes('+') ? text.replaceAll('+', ' ') : text)
  if (decoded === undefined) throw new Fault('InvalidURI')
  return decoded
}
