/** encoding-type=url: names in a listing's XML, percent-encoded, since XML 1.0 can't hold every character. */
import { Fault } from '../../lib/errors.ts'
import type { Query } from '../http/query.ts'

export interface Encoding {
  /** What goes into the answer's EncodingType. */
  readonly type: 'url' | undefined
  readonly encode: (text: string) => string
}

const none: Encoding = { type: undefined, encode: (text) => text }
const url: Encoding = { type: 'url', encode: encodeName }

/** Throws InvalidArgument for another encoding. */
export function encodingOf(query: Query): Encoding {
  const type = query.text('encoding-type')
  if (type === undefined) return none
  if (type === 'url') return url
  throw new Fault('InvalidArgument', 'Invalid Encoding Method specified in Request', {
    details: { ArgumentName: 'encoding-type', ArgumentValue: type },
  })
}

/** As S3's, but a space is %20, which those who decode forms and those who decode paths both read right. */
function encodeName(text: string): string {
  if (/^[\w./-]*$/.test(text)) return text
  return encodeURIComponent(text)
    .replaceAll('%2F', '/')
    .replace(/[!'()*~]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}
