/**
 * A file's bytes as a body. Small ones go out with the head in one write, from the page cache straight away;
 * large ones piece by piece, each read when the one before has left for the socket.
 */
import type { ServerResponse } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { close } from '../../lib/sys/open.ts'
import { ioBuffer, readLater, readNow } from '../../lib/tree/read.ts'
import { giveBuffer, pieceFor, smallestPiece, takeBuffer } from './buffers.ts'
import type { FileBody } from './reply.ts'

/** Up to here a body is a string beside its head: one piece of memory, one write. */
const inlineBytes = 8 * 1024
const inline = ioBuffer(inlineBytes)

/** Bytes that one transfer may move before others get their turn. */
const turn = 1024 * 1024

let transfers = 0

/**
 * Sends what `response.writeHead` announced and closes the descriptor: the bytes handed to the socket. A file
 * that is shorter by now ends in a broken connection.
 */
export function sendFile(response: ServerResponse, body: FileBody): number | Promise<number> {
  const { fd, offset, length } = body
  if (length <= inlineBytes) {
    const read = readNow(fd, inline, length, offset)
    if (read === length) {
      close(fd)
      response.end(inline.bytes.toString('latin1', 0, length), 'latin1')
      return length
    }
  } else if (length <= smallestPiece) {
    const buffer = takeBuffer(smallestPiece)
    const read = readNow(fd, buffer, length, offset)
    if (read === length) {
      close(fd)
      response.end(buffer.bytes.subarray(0, length), () => giveBuffer(buffer))
      return length
    }
    giveBuffer(buffer)
  }
  return transfer(response, body)
}

async function transfer(response: ServerResponse, { fd, offset, length }: FileBody): Promise<number> {
  let sent = 0
  let sinceTurn = 0
  let settle: ((left: boolean) => void) | undefined
  response.once('close', () => settle?.(false))
  transfers++
  try {
    while (sent < length) {
      const buffer = takeBuffer(pieceFor(transfers))
      const wanted = Math.min(length - sent, buffer.bytes.length)
      let read = readNow(fd, buffer, wanted, offset + sent)
      if (read === 'wait') read = await readLater(fd, buffer, wanted, offset + sent)
      if (read <= 0 || response.destroyed) {
        response.destroy()
        return sent
      }
      const last = sent + read === length
      const piece = buffer.bytes.subarray(0, read)
      const left = await new Promise<boolean>((resolve) => {
        settle = resolve
        response.write(piece, (error) => resolve(error === undefined || error === null))
      })
      if (!left) return sent
      giveBuffer(buffer)
      sent += read
      sinceTurn += read
      if (sinceTurn >= turn && !last) {
        sinceTurn = 0
        await nextTurn()
      }
    }
    response.end()
    return sent
  } finally {
    transfers--
    close(fd)
  }
}
