/** What Node's HTTP parser refuses never becomes a request; its answer is written by hand. */
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { Fault, type FaultCode } from '../../lib/errors.ts'
import { DirectResponse } from './direct-response.ts'
import type { Service } from './pipeline.ts'
import type { Fields } from './reply.ts'
import { newRequestId, nextNumber } from './request-id.ts'

const codes: Readonly<Record<string, FaultCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'RequestTimeout',
  HPE_HEADER_OVERFLOW: 'RequestHeaderSectionTooLarge',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'EntityTooLarge',
}

/** Answers as `service` does, where anybody is there to answer, and closes. */
export function refuse(error: Error & { code?: string }, socket: Socket, service: Service): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const running = runningAnswer(socket)
  if (running?.begun === true) {
    // Ours would land in its middle. What was written of it still leaves.
    socket.destroySoon()
    return
  }
  const subject = { id: newRequestId(), number: nextNumber(), resource: '' }
  const reply = service.failure(new Fault(codes[error.code ?? ''] ?? 'BadRequest'), subject)
  const fields: Fields = {
    ...service.fields(subject),
    ...service.always,
    ...reply.fields,
    'Content-Length': String(reply.length),
    Connection: 'close',
  }
  const body = typeof reply.body === 'string' ? reply.body : ''
  if (running !== undefined) {
    // Node forgets an answered request, and whoever reads its body would wait for ever.
    socket.once('close', () => running.req.destroy())
    running.writeHead(reply.status, fields).end(body)
  } else {
    let head = `HTTP/1.1 ${reply.status} ${STATUS_CODES[reply.status] ?? ''}\r\nDate: ${new Date().toUTCString()}\r\n`
    for (const [name, value] of Object.entries(fields)) head += `${name}: ${value}\r\n`
    socket.end(`${head}\r\n${body}`, () => socket.destroy())
  }
  const unknown = {
    id: subject.id,
    method: 'unparsed',
    url: '',
    client: service.crowd?.connections.of(socket)?.peer ?? '',
    operation: undefined,
    user: undefined,
    disk: undefined,
  }
  service.record(unknown, reply.status, Buffer.byteLength(body), 0, error.code)
}

/** The answer to the request whose body is being parsed: Node keeps it at the socket, and has no name for it. */
function runningAnswer(socket: Socket): DirectResponse | undefined {
  return '_httpMessage' in socket && socket._httpMessage instanceof DirectResponse
    ? socket._httpMessage
    : undefined
}
