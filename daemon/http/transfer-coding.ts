/**
 * A request's Transfer-Encoding (RFC 9112, 6.1). The parser takes any list that ends in `chunked`, and undoes that one
 * alone: what is left would be read as the body itself, and a proxy before us may have read another.
 */
import type { IncomingMessage } from 'node:http'
import { Fault } from '../../lib/errors.ts'

/** Throws NotImplemented for a coding that isn't `chunked`, BadRequest where HTTP/1.0 sends one. Both end the connection. */
export function requireChunked({ headers, httpVersion }: IncomingMessage): void {
  const coding = headers['transfer-encoding']
  if (coding === undefined) return
  if (httpVersion === '1.0') throw new Fault('BadRequest', 'HTTP/1.0 has no Transfer-Encoding.')
  if (coding.toLowerCase() !== 'chunked')
    throw new Fault('NotImplemented', 'Of transfer codings only chunked is understood.', {
      details: { Header: 'Transfer-Encoding' },
    })
}
