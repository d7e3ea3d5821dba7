/** What a request is answered with. `sendReply` alone turns it into bytes on a socket. */

import type { Readable } from 'node:stream'

/** Fields of a head by their names, written as they go out (RFC 9110, 5). No name comes twice. */
export type Fields = Readonly<Record<string, string>>

export type Body = string | FileBody | Readable

export interface Reply {
  readonly status: number
  /** Without Content-Length, and without what every answer of a service carries. */
  readonly fields: Fields
  /** What is sent after the head. A HEAD's reply has none and says in `length` what a GET would have. */
  readonly body: Body | null
  /** Content-Length in bytes; null leaves it out (204, 304). */
  readonly length: number | null
}

/** Bytes that come from elsewhere, `length` of them. Whoever sends the reply destroys it, also when nothing is sent of it. */
export const isStream = (body: Body): body is Readable => typeof body === 'object' && 'pipe' in body

/** A stretch of an open file. Whoever sends the reply closes the descriptor, also when nothing is sent of it. */
export interface FileBody {
  readonly fd: number
  /** Bytes from the file's start. */
  readonly offset: number
  readonly length: number
}

/** A text that is whole in memory. `type` goes into Content-Type. */
export function textReply(status: number, type: string, text: string, fields: Fields = {}): Reply {
  return {
    status,
    fields: { 'Content-Type': type, ...fields },
    body: text,
    length: Buffer.byteLength(text),
  }
}
