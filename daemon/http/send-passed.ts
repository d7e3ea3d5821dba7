/** A body that comes from another process, as it comes. */
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Exchange } from './exchange.ts'
import { takenFrom } from './idle-socket.ts'
import type { Fields, Reply } from './reply.ts'

/**
 * The bytes that were handed to the socket. A body that breaks off ends in a broken connection, and a client that
 * leaves ends the body at its source.
 */
export async function sendPassed(
  { response, body: asked }: Exchange,
  named: Fields,
  { status, fields, body, length }: Reply & { readonly body: Readable },
): Promise<number> {
  // Its connection is gone, or the parser refused what came behind its head and was answered.
  if (response.destroyed || response.begun) {
    body.destroy()
    return 0
  }
  response.writeHead(status, {
    ...named,
    ...(length === null ? {} : { 'Content-Length': String(length) }),
    ...fields,
    ...(asked.unread === 'none' ? {} : { Connection: 'close' }),
  })
  let bytes = 0
  const connection = response.req.socket
  response.visit?.watch(() => (response.writableLength > 0 ? takenFrom(connection) : undefined))
  body.on('data', (piece: Buffer) => (bytes += piece.length))
  try {
    await pipeline(body, response)
  } catch {
    response.destroy()
  }
  return bytes
}
