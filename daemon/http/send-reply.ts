/** A reply becomes bytes on a socket. */
import type { IncomingMessage } from 'node:http'
import { close } from '../../lib/sys/open.ts'
import { ioBuffer, readNow } from '../../lib/tree/read.ts'
import type { DirectResponse } from './direct-response.ts'
import type { Reply } from './reply.ts'
import { refuseBody } from './refuse-body.ts'
import { sendFile } from './send-file.ts'

/** A head with a body that fits in here leaves in one piece. */
const memory = ioBuffer(16 * 1024)

/**
 * Bytes of the body that were handed to the socket; a broken connection is an end too. Closes the descriptor
 * of a file, come what may.
 * `unread` says that a body is on its way which nobody reads.
 */
export function sendReply(
  request: IncomingMessage,
  response: DirectResponse,
  { status, headers: own, body, length }: Reply,
  id: string,
  hostId: string,
  unread: 'none' | 'expected' | 'coming',
): number | Promise<number> {
  const file = typeof body === 'string' ? null : body
  // Its connection is gone, or the parser refused what came behind its head and was answered.
  if (response.destroyed || response.begun) {
    if (file !== null) close(file.fd)
    return 0
  }
  const headers = ['x-amz-request-id', id, 'x-amz-id-2', hostId, 'Server', 'Twofold']
  if (length !== null) headers.push('Content-Length', String(length))
  const known = headers.length
  headers.push(...own)
  if (unread !== 'none') headers.push('Connection', 'close')
  const head = unread === 'none' && length !== null ? response.plainHead(status, headers, known) : undefined
  if (head !== undefined) {
    const size = compose(head, body, body === null ? 0 : length!)
    if (size > 0 && response.begin(memory.bytes, size, false)) {
      if (file !== null) close(file.fd)
      response.done()
      return body === null ? 0 : length!
    }
    if (file !== null && response.begin(memory.bytes, compose(head, null, 0), true))
      return sendFile(response, file)
  }
  try {
    response.writeHead(status, headers)
  } catch (thrown) {
    if (file !== null) close(file.fd)
    throw thrown
  }
  if (file !== null) return sendFile(response, file)
  if (unread === 'coming') return refuseBody(request, response, typeof body === 'string' ? body : '')
  if (body === null) response.end()
  else response.end(body)
  return body === null ? 0 : (length ?? 0)
}

/** Puts a head and the `length` bytes of its body into `memory`: their number, 0 where that can't be done at once. */
function compose(head: string, body: Reply['body'], length: number): number {
  if (head.length + length > memory.bytes.length) return 0
  const at = memory.bytes.write(head, 'latin1')
  if (body === null) return at
  if (typeof body === 'string') return at + memory.bytes.write(body, at)
  return readNow(body.fd, memory, length, body.offset, at) === length ? at + length : 0
}
