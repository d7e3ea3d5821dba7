/** What Node's HTTP parser refuses never becomes a request; its answer is written by hand. */
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { Fault, type FaultCode } from '../../lib/errors.ts'
import type { LogFields } from '../../lib/log.ts'
import { DirectResponse } from './direct-response.ts'
import { errorReply } from '../s3/error-reply.ts'
import { newHostId, newRequestId } from './request-id.ts'

const codes: Readonly<Record<string, FaultCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'RequestTimeout',
  HPE_HEADER_OVERFLOW: 'RequestHeaderSectionTooLarge',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'EntityTooLarge',
}

/** Answers and closes; what is to be logged, or undefined where nobody is there to answer. */
export function refuse(
  error: Error & { code?: string },
  socket: Socket,
): (LogFields & { readonly status: number; readonly bytes: number }) | undefined {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return undefined
  }
  const running = runningAnswer(socket)
  if (running?.begun === true) {
    // Ours would land in its middle. What was written of it still leaves.
    socket.destroySoon()
    return undefined
  }
  const id = newRequestId()
  const hostId = newHostId()
  const fault = new Fault(codes[error.code ?? ''] ?? 'BadRequest')
  const reply = errorReply(fault, { requestId: id, hostId, resource: '', head: false })
  const headers = [
    'x-amz-request-id',
    id,
    'x-amz-id-2',
    hostId,
    'Server',
    'Twofold',
    ...reply.headers,
    'Content-Length',
    String(reply.length),
    'Connection',
    'close',
  ]
  const body = typeof reply.body === 'string' ? reply.body : ''
  if (running !== undefined) running.writeHead(reply.status, headers).end(body)
  else {
    let head = `HTTP/1.1 ${reply.status} ${STATUS_CODES[reply.status] ?? ''}\r\nDate: ${new Date().toUTCString()}\r\n`
    for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`
    socket.end(`${head}\r\n${body}`, () => socket.destroy())
  }
  return {
    id,
    operation: 'unparsed',
    status: reply.status,
    bytes: Buffer.byteLength(body),
    reason: error.code,
  }
}

/** The answer to the request whose body is being parsed: Node keeps it at the socket, and has no name for it. */
function runningAnswer(socket: Socket): DirectResponse | undefined {
  return '_httpMessage' in socket && socket._httpMessage instanceof DirectResponse
    ? socket._httpMessage
    : undefined
}
