/**
 * The way past Node's streams for large bodies: a plain TCP socket's descriptor, for sendfile. Node offers
 * none, so this reads its handle; where that isn't there (TLS, another runtime) bodies are copied as usual.
 */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * The descriptor of the response's socket when nothing that Node was given waits to be written, so that what
 * is written next comes next; else -1. Valid until control returns to the loop.
 */
export function idleSocket(response: ServerResponse): number {
  const { socket } = response
  if (socket === null || !socket.writable || response.writableLength > 0 || 'encrypted' in socket) return -1
  return descriptorOf(socket)
}

function descriptorOf(socket: Socket): number {
  const handle: unknown = '_handle' in socket ? socket._handle : undefined
  if (typeof handle !== 'object' || handle === null || !('fd' in handle)) return -1
  if ('writeQueueSize' in handle && handle.writeQueueSize !== 0) return -1
  return typeof handle.fd === 'number' ? handle.fd : -1
}
