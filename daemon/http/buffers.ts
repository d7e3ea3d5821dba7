/**
 * Memory for bodies on their way from a file to a socket. A buffer is held while its bytes wait for the
 * client, so the size is what slow readers cost: the more transfers, the smaller the pieces.
 */
import { ioBuffer, type IoBuffer } from '../../lib/tree/read.ts'

export const smallestPiece = 64 * 1024
export const largestPiece = 256 * 1024
/** Bytes that all transfers together shall hold, down to the smallest piece for each. */
const budget = 16 * 1024 * 1024
/** Buffers of each size that wait for the next transfer. */
const spare = 16

const free = new Map<number, IoBuffer[]>()

/** The size for one of `transfers`: a power of two from `smallestPiece` to `largestPiece`. */
export function pieceFor(transfers: number): number {
  let size = largestPiece
  while (size > smallestPiece && size * transfers > budget) size /= 2
  return size
}

/** `size` is a power of two. Who takes a buffer gives it back, or drops it when the bytes may still be in use. */
export const takeBuffer = (size: number): IoBuffer => free.get(size)?.pop() ?? ioBuffer(size)

export function giveBuffer(buffer: IoBuffer): void {
  const size = buffer.bytes.length
  const list = free.get(size)
  if (list === undefined) free.set(size, [buffer])
  else if (list.length < spare) list.push(buffer)
}
