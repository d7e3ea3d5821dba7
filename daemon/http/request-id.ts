/** What names a request on both sides of the wire: x-amz-request-id and x-amz-id-2. */
import { randomBytes } from 'node:crypto'

const pool = 4096
let random = ''
let used = 0

/** 16 hex digits in upper case, as S3's. */
export function newRequestId(): string {
  if (used === random.length) {
    random = randomBytes(pool).toString('hex').toUpperCase()
    used = 0
  }
  return random.slice(used, (used += 16))
}

/** A client's X-Request-Id becomes ours when it is 1 to 128 of what no log, XML or header has to escape. */
export const isRequestId = (text: string): boolean => /^[\w.:@+=/-]{1,128}$/.test(text)

const host = randomBytes(24).toString('base64url')
let count = 0

/** x-amz-id-2: this process and the request's number in it. */
export const newHostId = (): string => `${host}${(++count).toString(36).padStart(8, '0')}`
