/** How S3 names a request in its answer's head: x-amz-request-id, and x-amz-id-2 for what serves it. */
import { randomBytes } from 'node:crypto'
import type { Subject } from '../http/exchange.ts'
import type { Fields } from '../http/reply.ts'

const host = randomBytes(24).toString('base64url')

/** x-amz-id-2, and HostId in an error: this process and the request's number in it. */
export const hostId = ({ number }: Subject): string => `${host}${number.toString(36).padStart(8, '0')}`

export const requestFields = (subject: Subject): Fields => ({
  'x-amz-request-id': subject.id,
  'x-amz-id-2': hostId(subject),
})
