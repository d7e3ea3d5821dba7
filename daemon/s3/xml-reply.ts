/** A document as a reply. */
import { textReply, type Fields, type Reply } from '../http/reply.ts'

export const xmlReply = (text: string, fields?: Fields): Reply =>
  textReply(200, 'application/xml', text, fields)
