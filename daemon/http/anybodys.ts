/**
 * What each answer of a listener that serves anybody's files says of itself. A page elsewhere may show a file, and one in
 * a sandbox its own, so any origin may embed it; a type is what it says; and the address, in which there may be a
 * signature, goes nowhere.
 */
import type { Fields } from './reply.ts'

export const anybodys: Fields = {
  Server: 'Twofold',
  'Cross-Origin-Resource-Policy': 'cross-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
}
