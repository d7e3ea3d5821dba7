/** A document as a reply. Names and metadata in it are anybody's, and a browser shows it. */
import { confined } from '../http/presentation.ts'
import { textReply, type Fields, type Reply } from '../http/reply.ts'

export const xmlReply = (text: string, fields?: Fields): Reply =>
  textReply(200, 'application/xml', text, { 'Content-Security-Policy': confined, ...fields })
