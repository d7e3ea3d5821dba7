/**
 * What each answer of the S3 listener carries: how S3 names the request (x-amz-request-id, and x-amz-id-2 for what serves
 * it), and what browsers are to keep to. A page elsewhere may show a file, and one in a sandbox its own, so that any
 * origin may embed it; a type is what it says; and the address, in which there may be a signature, goes nowhere.
 */
import { randomBytes } from 'node:crypto'
import type { Subject } from '../http/exchange.ts'
import type { Fields } from '../http/reply.ts'

const host = randomBytes(24).toString('base64url')

/** x-amz-id-2, and HostId in an error: this process and the request's number in it. */
export const hostId = ({ number }: Subject): string => `${host}${number.toString(36).padStart(8, '0')}`

export const requestFields = (subject: Subject): Fields => ({
  'x-amz-request-id': subject.id,
  'x-amz-id-2': hostId(subject),
  Server: 'Twofold',
  'Cross-Origin-Resource-Policy': 'cross-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
})
