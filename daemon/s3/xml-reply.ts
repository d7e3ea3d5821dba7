/** A document as a reply. */
import type { Reply } from '../http/reply.ts'

/** A document, whole in memory. */
export function xmlReply(text: string, status = 200): Reply {
  return {
    status,
    headers: ['Content-Type', 'application/xml'],
    body: text,
    length: Buffer.byteLength(text),
  }
}
