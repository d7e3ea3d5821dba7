/**
 * What happens to each request, whatever is served: it gets an id, is counted against the limit, handled, answered
 * once (a fault becomes a reply), tallied and logged. What differs between S3, the pages and the control API
 * is passed in.
 */
import type { IncomingMessage } from 'node:http'
import { Fault } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import type { DirectResponse } from './direct-response.ts'
import type { Crowd } from './crowd.ts'
import { Exchange, type Subject } from './exchange.ts'
import type { Fields, Reply } from './reply.ts'
import { sendReply } from './send-reply.ts'
import { requireChunked } from './transfer-coding.ts'

export interface Service {
  readonly log: Log
  /** Who lets requests in; services of one listener share it. null: nobody is counted or refused. */
  readonly crowd: Crowd | null
  /** false: its requests are answered however many there are. */
  readonly counted: boolean
  /** What each of its answers carries, whatever was asked. */
  readonly always: Fields
  /** The fields that name the request, which each answer carries too. */
  readonly fields: (subject: Subject) => Fields
  /** An error as this service says it. */
  readonly failure: (fault: Fault, subject: Subject) => Reply
  /**
   * Counts and logs what was answered: `bytes` of the body were handed to the socket, after `ms` milliseconds.
   * `reason` is the parser's, where it refused.
   */
  readonly record: (request: Recorded, status: number, bytes: number, ms: number, reason?: string) => void
}

/** What is known of a request when it is over. */
export type Recorded = Pick<Exchange, 'id' | 'method' | 'url' | 'client' | 'operation' | 'user' | 'disk'>

/** Throws a Fault for what the client is told; anything else is a bug, and the client is told InternalError. */
export type Handle = (exchange: Exchange) => Reply | Promise<Reply>

/** Answers a request, come what may. */
export async function respond(
  service: Service,
  request: IncomingMessage,
  response: DirectResponse,
  handle: Handle,
): Promise<void> {
  const started = performance.now()
  const { crowd } = service
  const exchange = new Exchange(request, response)
  if (crowd !== null) exchange.client = crowd.clientOf(request)
  let reply: Reply
  try {
    exchange.takeId()
    if (crowd !== null && service.counted) response.visit = crowd.letIn(exchange)
    if (response.expectation === 'other') throw new Fault('ExpectationFailed')
    requireChunked(request)
    refuseServiceWorker(request)
    // RFC 9112, 3.2.
    if (!exchange.headers.has('host') && request.httpVersion !== '1.0')
      throw new Fault('BadRequest', 'The Host header is missing.')
    const replied = handle(exchange)
    reply = replied instanceof Promise ? await replied : replied
  } catch (thrown) {
    reply = service.failure(faultOf(thrown, service, exchange), exchange)
  }
  if (exchange.method === 'HEAD' && typeof reply.body === 'string') reply = { ...reply, body: null }
  let bytes = 0
  try {
    const sent = sendReply(exchange, service.fields(exchange), service.always, reply)
    bytes = typeof sent === 'number' ? sent : await sent
  } catch (thrown) {
    bug(thrown, service, exchange)
    response.destroy()
  }
  exchange.visit?.leave()
  const ms = Math.round((performance.now() - started) * 1000) / 1000
  service.record(exchange, reply.status, bytes, ms)
}

/**
 * A browser that asks for a service worker's script says so in this field, which no page can set or leave out. Such a
 * script would see all that is asked of our origin, whatever disk it came from.
 * https://w3c.github.io/ServiceWorker/#service-worker-script-request
 */
function refuseServiceWorker({ headers }: IncomingMessage): void {
  if (headers['service-worker'] !== undefined)
    throw new Fault('AccessDenied', 'No script for a service worker is served here.')
}

/** What was thrown, as a Fault. */
function faultOf(thrown: unknown, service: Service, exchange: Exchange): Fault {
  if (thrown instanceof Fault) return thrown
  bug(thrown, service, exchange)
  return new Fault('InternalError')
}

const bug = (thrown: unknown, { log }: Service, { id, operation }: Exchange): void =>
  log.error('bug', { id, operation, error: thrown })
