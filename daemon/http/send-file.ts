/**
 * A file's bytes as a body. They go from the page cache to the socket inside the kernel as long as neither
 * makes us wait; where one does, a piece is read and given to Node, whose callback says when the socket takes
 * more.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { close } from '../../lib/sys/open.ts'
import { moveNow, readLater, readNow } from '../../lib/tree/read.ts'
import type { DirectResponse } from './direct-response.ts'
import { heldBy, idleSocket } from './idle-socket.ts'
import { giveBuffer, pieceFor, takeBuffer } from './buffers.ts'
import type { FileBody } from './reply.ts'

/** Bytes that are moved inside the kernel at a time. */
const moveBytes = 512 * 1024
/** What is given to Node when the socket is full. */
const waitingPiece = 16 * 1024
/** Bytes that one transfer may move before others get their turn. */
const turnBytes = 4 * 1024 * 1024

/** Bodies that can't be sent at once, each with its end. */
const transfers = new Map<DirectResponse, Promise<number>>()

/** Breaks off what is being sent of a disk's files: resolves when none of them is held. */
export async function breakOff(isMeant: (disk: string | undefined) => boolean): Promise<void> {
  const meant = [...transfers].filter(([response]) => isMeant(response.disk))
  for (const [response] of meant) response.req.socket.destroy()
  await Promise.all(meant.map(([, transfer]) => transfer))
}

/**
 * Sends the body that the head announced and closes the descriptor: the bytes handed to the socket. A file that
 * is shorter by now ends in a broken connection.
 */
export function sendFile(response: DirectResponse, body: FileBody): number | Promise<number> {
  response.flushHeaders()
  const moved = move(response, body, 0)
  if (moved < body.length) {
    const rest = transfer(response, body, moved).finally(() => transfers.delete(response))
    transfers.set(response, rest)
    return rest
  }
  close(body.fd)
  response.done()
  return moved
}

/** Moves what can be moved at once, up to one turn's bytes: how far the body has come. */
function move(response: DirectResponse, { fd, offset, length }: FileBody, from: number): number {
  let sent = from
  const until = Math.min(length, from + turnBytes)
  const socket = idleSocket(response)
  while (socket >= 0 && sent < until) {
    const moved = moveNow(fd, socket, Math.min(until - sent, moveBytes), offset + sent)
    // Errors and the file's end are found again, and dealt with, by the read that follows.
    if (moved === 'wait' || moved <= 0) break
    sent += moved
  }
  return sent
}

/** The rest of a body: pieces that have to be waited for, and between them what can be moved. */
async function transfer(response: DirectResponse, body: FileBody, from: number): Promise<number> {
  const { fd, offset, length } = body
  let sent = from
  /** It is the disk that is waited for, not the client. */
  let reading = false
  let settle: ((left: boolean) => void) | undefined
  const gone = () => settle?.(false)
  // The request's, since an answer whose turn hasn't come (pipelining) has no socket, and hears nothing of its end.
  const connection = response.req.socket
  connection.setMaxListeners(0)
  connection.once('close', gone)
  response.visit?.watch(() => (reading ? undefined : sent - heldBy(connection)))
  try {
    for (let turn = from, before = 0; sent < length;) {
      // Where bytes can be moved, a piece only waits for the socket; where they can't, it carries them.
      const buffer = takeBuffer(sent > before ? waitingPiece : pieceFor(transfers.size + 1))
      const wanted = Math.min(length - sent, buffer.bytes.length)
      let read = readNow(fd, buffer, wanted, offset + sent)
      if (read === 'wait') {
        reading = true
        read = await readLater(fd, buffer, wanted, offset + sent)
        reading = false
      }
      if (read <= 0 || response.destroyed || connection.destroyed) {
        response.destroy()
        return sent
      }
      const piece = buffer.bytes.subarray(0, read)
      const left = await new Promise<boolean>((resolve) => {
        settle = resolve
        response.piece(piece, (error) => resolve(error === undefined || error === null))
      })
      if (!left) return sent
      giveBuffer(buffer)
      before = sent + read
      sent = move(response, body, before)
      if (sent - turn >= turnBytes && sent < length) {
        turn = sent
        await nextTurn()
      }
    }
    response.done()
    return sent
  } finally {
    connection.off('close', gone)
    close(fd)
  }
}
