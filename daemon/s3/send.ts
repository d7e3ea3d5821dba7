/** A reply becomes bytes on a socket. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { close } from '../../lib/sys/open.ts'
import type { Reply } from './reply.ts'
import { refuseBody } from './refuse-body.ts'
import { sendFile } from './send-file.ts'

/**
 * Bytes of the body that were handed to the socket; a broken connection is an end too. Closes the descriptor
 * of a file, come what may.
 * `unread` says that a body is on its way which nobody reads.
 */
export function sendReply(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers: own, body, length }: Reply,
  id: string,
  hostId: string,
  unread: 'none' | 'expected' | 'coming',
): number | Promise<number> {
  const headers = ['x-amz-request-id', id, 'x-amz-id-2', hostId, 'Server', 'Twofold', ...own]
  if (length !== null) headers.push('Content-Length', String(length))
  if (unread !== 'none') headers.push('Connection', 'close')
  // Its connection is gone, or the parser refused what came behind its head and was answered.
  if (response.destroyed || response.headersSent) {
    if (typeof body === 'object' && body !== null) close(body.fd)
    return 0
  }
  try {
    response.writeHead(status, headers)
  } catch (thrown) {
    if (typeof body === 'object' && body !== null) close(body.fd)
    throw thrown
  }
  if (body !== null && typeof body !== 'string') return sendFile(response, body)
  if (unread === 'coming') return refuseBody(request, response, body ?? '')
  if (body === null) response.end()
  else response.end(body)
  return body === null ? 0 : (length ?? 0)
}
