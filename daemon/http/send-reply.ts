/** A reply becomes bytes on a socket. */
import { close } from '../../lib/sys/open.ts'
import { ioBuffer, readNow } from '../../lib/tree/read.ts'
import type { DirectResponse } from './direct-response.ts'
import type { Exchange } from './exchange.ts'
import { takenFrom } from './idle-socket.ts'
import { refuseBody } from './refuse-body.ts'
import { isStream, type FileBody, type Fields, type Reply } from './reply.ts'
import { sendFile } from './send-file.ts'
import { sendPassed } from './send-passed.ts'

/** A head with a body that fits in here leaves in one piece. */
const memory = ioBuffer(16 * 1024)

/**
 * Bytes of the body that were handed to the socket; a broken connection is an end too. Closes the descriptor of a
 * file, come what may. `named` and `always` are the fields that each answer carries. Where the request's body was not read to its
 * end, the connection ends with this answer.
 */
export function sendReply(
  asking: Exchange,
  named: Fields,
  always: Fields,
  { status, fields, body, length }: Reply,
): number | Promise<number> {
  const { request, response, body: asked } = asking
  if (body !== null && isStream(body))
    return sendPassed(asking, { ...named, ...always }, { status, fields, body, length })
  const file = typeof body === 'string' ? null : body
  // Its connection is gone, or the parser refused what came behind its head and was answered.
  if (response.destroyed || response.begun) {
    if (file !== null) close(file.fd)
    return 0
  }
  const { unread } = asked
  const head =
    unread === 'none' && length !== null
      ? response.plainHead(status, named, always, length, fields)
      : undefined
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
    response.writeHead(status, {
      ...named,
      ...always,
      ...(length === null ? none : { 'Content-Length': String(length) }),
      ...fields,
      ...(unread === 'none' ? none : { Connection: 'close' }),
    })
  } catch (thrown) {
    if (file !== null) close(file.fd)
    throw thrown
  }
  if (file !== null) return sendFile(response, file)
  if (unread === 'coming') return refuseBody(request, response, typeof body === 'string' ? body : '')
  if (body === null) response.end()
  else response.end(body)
  if (body !== null && (length ?? 0) > memory.bytes.length) return taken(response, length!)
  return body === null ? 0 : (length ?? 0)
}

/** A long text is memory until its client takes it, and a place as long. */
function taken(response: DirectResponse, length: number): Promise<number> {
  const connection = response.req.socket
  response.visit?.watch(() => takenFrom(connection))
  return new Promise((resolve) => {
    const done = () => {
      connection.off('close', done)
      response.off('finish', done)
      resolve(length)
    }
    connection.setMaxListeners(0)
    connection.once('close', done)
    response.once('finish', done)
  })
}

const none: Fields = {}

/** Puts a head and the `length` bytes of its body into `memory`: their number, 0 where that can't be done at once. */
function compose(head: string, body: string | FileBody | null, length: number): number {
  if (head.length + length > memory.bytes.length) return 0
  const at = memory.bytes.write(head, 'latin1')
  if (body === null) return at
  if (typeof body === 'string') return at + memory.bytes.write(body, at)
  return readNow(body.fd, memory, length, body.offset, at) === length ? at + length : 0
}
