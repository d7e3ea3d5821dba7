/** An HTTP server whose answers are ours to write: its limits, and each request to the service that it is for. */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Config } from '../../lib/config.ts'
import { surplusConnections } from './connections.ts'
import { DirectResponse } from './direct-response.ts'
import { refuse } from './parser-refusal.ts'
import type { Service } from './pipeline.ts'
import { mostHeaderLines } from './request-headers.ts'

export interface ListenerLimits extends Pick<
  Config,
  'maxConnections' | 'maxHeaderBytes' | 'headersTimeout' | 'keepAliveTimeout'
> {
  /** Milliseconds without a byte in the middle of a request or an answer; 0 for no limit. */
  readonly idleTimeout: number
  /** Milliseconds for a whole request, body and all; 0 for no limit. */
  readonly requestTimeout: number
}

export type Listener = Server<typeof IncomingMessage, typeof DirectResponse>

/** Answers one request. It never throws. */
export type Respond = (request: IncomingMessage, response: DirectResponse) => void

/**
 * A server that is not listening yet. `refused` says how it is told to clients that what they sent is no request:
 * which service they meant, nobody knows.
 */
export function createListener(limits: ListenerLimits, respond: Respond, refused: Service): Listener {
  const server = createServer<typeof IncomingMessage, typeof DirectResponse>({
    ServerResponse: DirectResponse,
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersTimeout,
    requestTimeout: limits.requestTimeout,
    keepAliveTimeout: limits.keepAliveTimeout,
    connectionsCheckingInterval: 1000,
    noDelay: true,
    // We refuse it ourselves, with a request id.
    requireHostHeader: false,
  })
  server.timeout = limits.idleTimeout
  // One more than may be, so that too many are seen to be so.
  server.maxHeadersCount = mostHeaderLines + 1
  const { crowd } = refused
  server.maxConnections = limits.maxConnections + (crowd === null ? 0 : surplusConnections)
  if (crowd !== null) {
    server.on('connection', (socket: Socket) => crowd.connections.add(socket))
    server.on('drop', () => crowd.dropped())
    server.on('close', () => crowd.close())
  }
  const seconds = Math.floor(limits.keepAliveTimeout / 1000)
  const keepAliveLine = limits.keepAliveTimeout > 0 ? `Keep-Alive: timeout=${seconds}\r\n` : ''
  server.on('request', (request, response) => {
    // Those with an expectation are left to Node, which keeps account of whether it was met.
    response.keepAliveLine = keepAliveLine
    respond(request, response)
  })
  server.on('checkContinue', (request, response) => {
    response.expectation = '100-continue'
    respond(request, response)
  })
  server.on('checkExpectation', (request, response) => {
    response.expectation = 'other'
    respond(request, response)
  })
  server.on('clientError', (error: Error & { code?: string }, socket: Socket) => {
    refuse(error, socket, refused)
  })
  return server
}
