/**
 * Answers while the client is still sending. A connection that is closed with bytes unread is reset, and the
 * client may never see why: so the answer goes out first, and what comes is thrown away for a while.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'

/** What is thrown away at most, bytes and milliseconds; then the connection is closed all the same. */
export const refusedBytes = 4 * 1024 * 1024
export const refusedTime = 5_000
/** Milliseconds for a client that is still writing then to look up and read: a reset takes from it what it hasn't read. */
const lastLook = 250

/** The head was written, with `Connection: close`. The answer's bytes. */
export async function refuseBody(
  request: IncomingMessage,
  response: ServerResponse,
  text: string,
): Promise<number> {
  const bytes = Buffer.from(text)
  // The head leaves with the first write, even if that is an empty one (HEAD).
  if (bytes.length === 0) response.flushHeaders()
  else response.write(bytes)
  await new Promise<void>((settle) => {
    let seen = 0
    const timer = setTimeout(settle, refusedTime)
    const done = () => {
      clearTimeout(timer)
      settle()
    }
    request.on('data', (chunk: Buffer) => {
      seen += chunk.length
      if (seen <= refusedBytes) return
      request.pause()
      clearTimeout(timer)
      setTimeout(settle, lastLook)
    })
    request.once('end', done)
    request.once('close', done)
    request.once('error', done)
  })
  response.end()
  return bytes.length
}
