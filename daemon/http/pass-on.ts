/**
 * A request that another process of ours answers, over HTTP on a unix socket. Its head goes there as the client sent
 * it, so that its signature holds there too; its body doesn't, since nothing that is passed on reads one. The answer
 * comes back with the head that it has there, once the first bytes of its body are here: up to then it can still
 * become another one.
 */
import { request, type Agent, type ClientRequest, type IncomingMessage } from 'node:http'
import { Fault } from '../../lib/errors.ts'
import type { Exchange } from './exchange.ts'
import type { Fields, Reply } from './reply.ts'

/** No answer came in time. */
export class Unanswered extends Error {}
/** Nobody listens there, or not any more. */
export class Unreached extends Error {}

export interface PassOnOptions {
  readonly agent: Agent
  readonly socketPath: string
  /** Milliseconds for the first bytes of an answer. */
  readonly patience: number
  /** Fields of ours, in lower case, which the other process believes: what the client says of the same name is left out. */
  readonly ours: Fields
}

/** What concerns one connection alone (RFC 9110, 7.6.1). */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
/** What each process says for itself, or `Reply.length` says. */
const unsaid = new Set([...hopByHop, 'date', 'content-length'])

/** Throws Unanswered, Unreached, and ServiceUnavailable where the other process breaks off. */
export async function passOn(exchange: Exchange, options: PassOnOptions): Promise<Reply> {
  try {
    return await once(exchange, options)
  } catch (thrown) {
    // A connection that was kept may have ended just when we took it.
    if (!(thrown instanceof BrokenReuse)) throw thrown
    return await once(exchange, options)
  }
}

class BrokenReuse extends Unreached {}

function once(exchange: Exchange, { agent, socketPath, patience, ours }: PassOnOptions): Promise<Reply> {
  const { request: asked, method, url } = exchange
  return new Promise((resolve, reject) => {
    const outgoing = request({
      agent,
      socketPath,
      method,
      path: url,
      headers: headersOf(asked, ours),
      setHost: false,
    })
    const connection = asked.socket
    const settled = () => {
      clearTimeout(timer)
      connection.off('close', left)
    }
    const fail = (error: Error) => {
      settled()
      outgoing.destroy()
      reject(error)
    }
    const timer = setTimeout(() => fail(new Unanswered(`no answer within ${patience} ms`)), patience)
    // Nobody reads what this becomes.
    const left = () => fail(new Fault('ServiceUnavailable', 'the client left'))
    connection.setMaxListeners(0)
    connection.once('close', left)
    outgoing.on('error', (error) => fail(failureOf(error, outgoing)))
    outgoing.once('response', (incoming) => {
      const begun = () => {
        settled()
        resolve(replyOf(method, incoming))
      }
      incoming.once('error', (error) => fail(new Fault('ServiceUnavailable', undefined, { cause: error })))
      // At its end too.
      incoming.once('readable', begun)
    })
    outgoing.end()
  })
}

/** The client's own lines as they came, and ours behind them. */
function headersOf({ rawHeaders }: IncomingMessage, ours: Fields): string[] {
  const headers: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!
    const lower = name.toLowerCase()
    if (!hopByHop.has(lower) && !Object.hasOwn(ours, lower)) headers.push(name, rawHeaders[i + 1]!)
  }
  for (const name in ours) headers.push(name, ours[name]!)
  return headers
}

const unreached = new Set(['ENOENT', 'ECONNREFUSED', 'EAGAIN'])

function failureOf(error: Error & { code?: string }, { reusedSocket }: ClientRequest): Error {
  if (unreached.has(error.code ?? '')) return new Unreached(error.message)
  if (reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE'))
    return new BrokenReuse(error.message)
  return new Fault('ServiceUnavailable', undefined, { cause: error })
}

function replyOf(method: string, incoming: IncomingMessage): Reply {
  const { statusCode: status = 502, rawHeaders, headers } = incoming
  const fields: Record<string, string> = {}
  for (let i = 0; i < rawHeaders.length; i += 2)
    if (!unsaid.has(rawHeaders[i]!.toLowerCase())) fields[rawHeaders[i]!] = rawHeaders[i + 1]!
  const text = headers['content-length']
  const length = text === undefined ? null : Number(text)
  if (method === 'HEAD' || length === null || length === 0) {
    incoming.resume()
    return { status, fields, body: null, length }
  }
  return { status, fields, body: incoming, length }
}
