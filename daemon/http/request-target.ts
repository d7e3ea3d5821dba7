/** A request line's target (RFC 9112, 3.2): its path and query, and the host that was asked. */
import { Fault } from '../../lib/errors.ts'

export interface Target {
  /** The path as it was sent, percent-encoded: what the client signed. */
  readonly path: string
  /** Undecoded, without the question mark. */
  readonly query: string
  /** In lower case, with the port if there was one; '' where HTTP/1.0 sent none. */
  readonly host: string
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
