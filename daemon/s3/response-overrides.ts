/** response-content-type and its kin: query parameters that set a field of the answer. */
import { Fault } from '../../lib/errors.ts'
import type { GrowingFields } from '../http/file-reply.ts'
import type { Query } from '../http/query.ts'

/** AWS heeds them in signed requests, which all of ours are. */
const overrides: readonly (readonly [parameter: string, field: string])[] = [
  ['response-content-type', 'Content-Type'],
  ['response-content-language', 'Content-Language'],
  ['response-expires', 'Expires'],
  ['response-cache-control', 'Cache-Control'],
  ['response-content-disposition', 'Content-Disposition'],
  ['response-content-encoding', 'Content-Encoding'],
]

/** Puts into `fields` what the query asks for. Throws InvalidArgument. */
export function override(fields: GrowingFields, query: Query): void {
  if (query.pairs.length === 0) return
  for (const [parameter, field] of overrides) {
    const value = query.get(parameter)
    if (value === undefined) continue
    if (/[^\t\x20-\x7e\x80-\uffff]/.test(value))
      throw new Fault('InvalidArgument', `${parameter} holds what no header can.`, {
        details: { ArgumentName: parameter },
      })
    // Node writes a header's characters as Latin-1, so UTF-8 goes out byte by byte.
    fields[field] = Buffer.from(value).toString('latin1')
  }
}
