/** The parameters that listings share. */
import { Fault } from '../../lib/errors.ts'
import type { Query } from '../http/query.ts'

/** Entries of a page at most. */
export const mostKeys = 1000

/** `max-keys` and its kin: 0 to 1000, the default; more is 1000. Throws InvalidArgument. */
export function countOf(query: Query, parameter: string): number {
  const text = query.text(parameter)
  if (text === undefined) return mostKeys
  if (!/^\d{1,10}$/.test(text) || Number(text) > 0x7fffffff)
    throw new Fault('InvalidArgument', `Argument ${parameter} must be an integer between 0 and 2147483647`, {
      details: { ArgumentName: parameter, ArgumentValue: text },
    })
  return Math.min(Number(text), mostKeys)
}

/** True where entries are to be rolled up at slashes. Throws InvalidArgument for any other delimiter. */
export function delimited(query: Query): boolean {
  const delimiter = query.text('delimiter')
  if (delimiter === undefined) return false
  if (delimiter === '/') return true
  throw new Fault('InvalidArgument', 'Keys are paths here: the only delimiter is "/".', {
    details: { ArgumentName: 'delimiter', ArgumentValue: delimiter },
  })
}
