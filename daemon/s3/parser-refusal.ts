/** What Node's HTTP parser refuses never becomes a request; its answer is written by hand. */
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { Fault, type FaultCode } from '../../lib/errors.ts'
import type { LogFields } from '../../lib/log.ts'
import { errorReply } from './error-reply.ts'
import { newHostId, newRequestId } from './request-id.ts'

const codes: Readonly<Record<string, FaultCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'RequestTimeout',
  HPE_HEADER_OVERFLOW: 'RequestHeaderSectionTooLarge',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'EntityTooLarge',
}

/** Answers and closes; what is to be logged, or undefined where nobody is there to answer. */
export function refuse(error: Error & { code?: string }, socket: Socket): LogFields | undefined {
  if (!socket.writable || error.code === 'ECONNRESET' || answering(socket)) {
    socket.destroy()
    return undefined
  }
  const id = newRequestId()
  const hostId = newHostId()
  const fault = new Fault(codes[error.code ?? ''] ?? 'BadRequest')
  const reply = errorReply(fault, { requestId: id, hostId, resource: '', head: false })
  const lines = [
    `HTTP/1.1 ${reply.status} ${STATUS_CODES[reply.status] ?? ''}`,
    `x-amz-request-id: ${id}`,
    `x-amz-id-2: ${hostId}`,
    'Server: Twofold',
    `Date: ${new Date().toUTCString()}`,
    'Content-Type: application/xml',
    `Content-Length: ${reply.length}`,
    'Connection: close',
  ]
  socket.end(`${lines.join('\r\n')}\r\n\r\n${typeof reply.body === 'string' ? reply.body : ''}`, () =>
    socket.destroy(),
  )
  return { id, operation: 'unparsed', status: reply.status, bytes: reply.length, reason: error.code }
}

/** An answer to an earlier request is on its way: ours would land in its middle. */
const answering = (socket: Socket): boolean => '_httpMessage' in socket && socket._httpMessage !== null
