/**
 * The control API over HTTP: Koa and a router made from the table of routes. A request falls through: its input
 * is parsed, its caller found, their permission checked, and its handler run.
 */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import Router from '@koa/router'
import Koa from 'koa'
import { Fault } from '../../lib/errors.ts'
import { isFull, storageFull } from '../../lib/storage-full.ts'
import { authorise } from './authorise.ts'
import type { Caller } from './caller.ts'
import type { Daemon } from './daemon.ts'
import { diskRoutes } from './disks.ts'
import { Page, type Handler, type Handlers, type Params } from './handler.ts'
import { keyRoutes } from './keys.ts'
import { metricsRoutes } from './metrics.ts'
import { mountRoutes } from './mounts.ts'
import { routes, type AnswerOf, type Envelope, type InputOf, type RouteName, type Row } from './routes.ts'
import { shareRoutes } from './share.ts'
import { statusRoutes } from './status.ts'
import { userRoutes } from './users.ts'

const handlers: Handlers = {
  ...statusRoutes,
  ...metricsRoutes,
  ...diskRoutes,
  ...userRoutes,
  ...shareRoutes,
  ...mountRoutes,
  ...keyRoutes,
}

/** A server that is not listening yet. `callerOf` throws AccessDenied for somebody whom it doesn't know. */
export function createControlServer(daemon: Daemon, callerOf: (request: IncomingMessage) => Caller): Server {
  const app = new Koa()
  const router = new Router({ strict: true, sensitive: true })
  for (const name of Object.keys(routes) as RouteName[]) addRoute(router, daemon, callerOf, name)

  app.use(async (context, next) => {
    const started = performance.now()
    const requestId = randomBytes(8).toString('hex').toUpperCase()
    context.set('x-request-id', requestId)
    try {
      await next()
      if (context.body === undefined || context.body === null)
        throw noRoute(router, context.method, context.path)
    } catch (thrown) {
      const fault = asFault(thrown, daemon.config.state)
      if (fault.code === 'InternalError') daemon.log.error('bug', { id: requestId, error: thrown })
      context.status = fault.status
      for (const [name, value] of Object.entries(fault.headers)) context.set(name, value)
      const body: Envelope<never> = { success: false, error: fault.message, code: fault.code, requestId }
      context.body = body
    }
    daemon.log.info('control', {
      id: requestId,
      method: context.method,
      path: context.path,
      status: context.status,
      ms: Math.round((performance.now() - started) * 1000) / 1000,
    })
  })
  app.use(router.routes())
  // Everything is answered above; what still comes here is a socket that closed under an answer.
  app.on('error', (error: Error) => daemon.log.debug('control.broken', { error }))

  const answer = app.callback()
  const server = createServer(
    {
      maxHeaderSize: daemon.config.maxHeaderBytes,
      headersTimeout: daemon.config.headersTimeout,
      requestTimeout: daemon.config.headersTimeout + daemon.config.idleTimeout,
    },
    (request, response) => void answer(request, response),
  )
  server.maxConnections = 256
  return server
}

function addRoute<N extends RouteName>(
  router: Router,
  daemon: Daemon,
  callerOf: (request: IncomingMessage) => Caller,
  name: N,
): void {
  const row = routes[name] as unknown as Row<InputOf<N>, AnswerOf<N>>
  const { method, path, input: parse } = row
  const handle = handlers[name] as Handler<N>
  router.register(path, [method], async (context) => {
    const input =
      method === 'GET' || method === 'DELETE'
        ? parse(Object.fromEntries(Object.entries(context.query)), 'the query')
        : parse(await readJson(context.req, daemon.config.maxBodyBytes), 'the body')
    const caller = callerOf(context.req)
    const params = authorise(caller, row, { input, params: context.params as Params }, daemon.disks)
    const answer = await handle(daemon, { input, params, caller })
    const envelope: Envelope<unknown> =
      answer instanceof Page
        ? { success: true, data: answer.data, nextCursor: answer.nextCursor }
        : { success: true, data: answer, nextCursor: null }
    context.body = envelope
  })
}

function noRoute(router: Router, method: string, path: string): Fault {
  const allowed = router.match(path, method).path.flatMap((layer) => layer.methods)
  if (allowed.length === 0) return new Fault('NoSuchRoute', `There is no route ${path}.`)
  return new Fault('MethodNotAllowed', `${path} takes ${allowed.join(', ')}.`, {
    headers: { Allow: allowed.join(', ') },
  })
}

/** What Koa and its router throw themselves carries a status: it is the client's doing where that says so. */
function asFault(thrown: unknown, state: string): Fault {
  if (thrown instanceof Fault) return thrown
  if (isFull(thrown)) return storageFull(state)
  if (thrown instanceof URIError) return new Fault('InvalidURI')
  if (
    thrown instanceof Error &&
    'status' in thrown &&
    typeof thrown.status === 'number' &&
    thrown.status < 500
  ) {
    return new Fault('BadRequest', thrown.message)
  }
  return new Fault('InternalError')
}

/** The body as JSON; an absent one is an empty object. Throws EntityTooLarge, BadRequest. */
async function readJson(request: IncomingMessage, limit: number): Promise<unknown> {
  const body = await readBody(request, limit)
  if (body.length === 0) return {}
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    throw new Fault('BadRequest', 'the body is not JSON in UTF-8')
  }
}

/** What is too much is read and dropped, so that a client which is still writing gets to read the answer. */
function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length <= limit) chunks.push(chunk)
      else chunks.length = 0
    })
    request.once('end', () => {
      if (length <= limit) resolve(Buffer.concat(chunks))
      else reject(new Fault('EntityTooLarge', `a request's body is at most ${limit} bytes`))
    })
    request.once('error', () => reject(new Fault('IncompleteBody')))
    request.once('close', () => reject(new Fault('IncompleteBody')))
  })
}
