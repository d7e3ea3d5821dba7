/** What names a request on both sides of the wire, and in the log. */
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

let count = 0

/** From 1, and one more for each request of this process. */
export const nextNumber = (): number => ++count
