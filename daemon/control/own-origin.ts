/** What each answer about the daemon itself tells browsers: no page of another origin may have it, nor guess what it is. */
import type { Fields } from '../http/reply.ts'

export const ownOrigin: Fields = {
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
}
