/**
 * The way past Node's streams for large bodies: a plain TCP socket's descriptor, for sendfile. Node offers
 * none, so this reads its handle; where that isn't there (TLS, another runtime) bodies are copied as usual.
 */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { bytesHeld } from '../../lib/sys/socket.ts'

/**
 * The descriptor of the response's socket when nothing that Node was given waits to be written, so that what
 * is written next comes next; else -1. Valid until control returns to the loop.
 */
export function idleSocket(response: ServerResponse): number {
  const { socket } = response
  if (socket === null || !socket.writable || response.writableLength > 0 || 'encrypted' in socket) return -1
  const { fd, queued } = handleOf(socket)
  return queued === 0 ? fd : -1
}

/** Bytes that the kernel holds of what was written to the socket, since the other end hasn't taken them. */
export function heldBy(socket: Socket): number {
  const { fd } = handleOf(socket)
  return fd < 0 ? 0 : bytesHeld(fd)
}

/** Bytes that the other end has taken of all that Node wrote to the socket. */
export const takenFrom = (socket: Socket): number =>
  socket.bytesWritten - handleOf(socket).queued - heldBy(socket)

/** The descriptor, -1 for none, and the bytes that wait in Node until the kernel takes them. */
function handleOf(socket: Socket): { readonly fd: number; readonly queued: number } {
  const handle: unknown = '_handle' in socket ? socket._handle : undefined
  if (typeof handle !== 'object' || handle === null || !('fd' in handle)) return gone
  const queued = 'writeQueueSize' in handle ? handle.writeQueueSize : 0
  return {
    fd: typeof handle.fd === 'number' ? handle.fd : -1,
    queued: typeof queued === 'number' ? queued : 0,
  }
}
const gone = { fd: -1, queued: 0 }
