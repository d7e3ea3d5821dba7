/**
 * The control API over HTTP, through the same pipeline as S3: Koa and a router made from the table of routes find
 * the row, and a request falls through it. Its caller is found, its input parsed, their permission checked, and its
 * handler run.
 */
import Router from '@koa/router'
import Koa from 'koa'
import { Fault } from '../../lib/errors.ts'
import { knownFault } from '../../lib/storage-full.ts'
import { DirectResponse } from '../http/direct-response.ts'
import type { Exchange, Subject } from '../http/exchange.ts'
import { requireKnownHost } from '../http/known-host.ts'
import { Crowd, noShares, NoCount } from '../http/crowd.ts'
import { createListener, type Listener } from '../http/listener.ts'
import { respond, type Recorded, type Service } from '../http/pipeline.ts'
import { textReply, type Fields, type Reply } from '../http/reply.ts'
import type { RequestBody } from '../http/request-body.ts'
import { authorise } from './authorise.ts'
import type { Caller } from './caller.ts'
import type { Daemon } from './daemon.ts'
import { diskRoutes } from './disks.ts'
import { Page, type Handler, type Handlers, type Params } from './handler.ts'
import { keyRoutes } from './keys.ts'
import { metricsRoutes } from './metrics.ts'
import { mountRoutes } from './mounts.ts'
import { ownOrigin } from './own-origin.ts'
import { offlineRoutes } from './offline.ts'
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
  ...offlineRoutes,
  ...keyRoutes,
}

/** Requests that are answered at one time: a mount or a removal takes its time. */
const mostRequests = 256

/** What a request brings to its route, and what that leaves to be sent. */
interface State {
  exchange: Exchange
  answer?: Envelope<unknown>
}
type Routed = Router<State>

/** Finds out who asks. Throws AccessDenied for somebody whom it doesn't know. */
export type CallerOf = (exchange: Exchange) => Caller

/** A server that is not listening yet. */
export function createControlServer(daemon: Daemon, callerOf: CallerOf): Listener {
  const { config, log } = daemon
  // The command line calls itself by the first.
  const hosts = ['twofold', ...config.allowedHosts]
  const service: Service = {
    log,
    crowd: new Crowd({ ...noShares, maxRequests: mostRequests, maxConnections: mostRequests }, new NoCount()),
    counted: true,
    always: ownOrigin,
    fields: ({ id }) => ({ 'X-Request-Id': id }),
    failure,
    record: recordIn(log),
  }
  const router: Routed = new Router<State>({ strict: true, sensitive: true })
  for (const name of Object.keys(routes) as RouteName[]) addRoute(router, daemon, callerOf, name)

  const app = new Koa<State>()
  app.use((context, next) => {
    // The pipeline writes the answer.
    context.respond = false
    const { req: request, res: response } = context
    if (!(response instanceof DirectResponse)) throw new TypeError('a server of another kind')
    return respond(service, request, response, async (exchange) => {
      context.state.exchange = exchange
      requireKnownHost(exchange.headers.get('host'), hosts)
      try {
        await next()
      } catch (thrown) {
        throw asFault(thrown, config.state)
      }
      const { answer } = context.state
      if (answer === undefined) throw noRoute(router, context.method, context.path)
      return jsonReply(200, answer)
    })
  })
  app.use(router.routes())
  app.on('error', (error: Error) => log.debug('control.broken', { error }))

  const answer = app.callback()
  return createListener(
    {
      ...config,
      maxConnections: mostRequests,
      // Nothing moves on the connection while a mount is made or a disk is removed.
      idleTimeout: 0,
      requestTimeout: config.headersTimeout + config.idleTimeout,
    },
    (request, response) => void answer(request, response),
    service,
  )
}

function addRoute<N extends RouteName>(router: Routed, daemon: Daemon, callerOf: CallerOf, name: N): void {
  const row = routes[name] as unknown as Row<InputOf<N>, AnswerOf<N>>
  const { method, path, input: parse } = row
  const handle = handlers[name] as Handler<N>
  router.register(path, [method], async (context) => {
    const { exchange } = context.state
    exchange.operation = name
    const caller = callerOf(exchange)
    const input =
      method === 'GET' || method === 'DELETE'
        ? parse(Object.fromEntries(Object.entries(context.query)), 'the query')
        : parse(await readJson(exchange.body, daemon.config.maxBodyBytes), 'the body')
    const params = authorise(caller, row, { input, params: context.params as Params }, daemon.disks)
    const answer = await handle(daemon, { input, params, caller })
    context.state.answer =
      answer instanceof Page
        ? { success: true, data: answer.data, nextCursor: answer.nextCursor }
        : { success: true, data: answer, nextCursor: null }
  })
}

function noRoute(router: Routed, method: string, path: string): Fault {
  const allowed = router.match(path, method).path.flatMap((layer) => layer.methods)
  if (allowed.length === 0) return new Fault('NoSuchRoute', `There is no route ${path}.`)
  return new Fault('MethodNotAllowed', `${path} takes ${allowed.join(', ')}.`, {
    headers: { Allow: allowed.join(', ') },
  })
}

/** What Koa and its router throw themselves carries a status: it is the client's doing where that says so. */
function asFault(thrown: unknown, state: string): unknown {
  const known = knownFault(thrown, state)
  if (known !== undefined) return known
  if (thrown instanceof URIError) return new Fault('InvalidURI')
  const status = thrown instanceof Error && 'status' in thrown ? thrown.status : undefined
  return typeof status === 'number' && status < 500 && thrown instanceof Error
    ? new Fault('BadRequest', thrown.message)
    : thrown
}

/** The body as JSON; an absent one is an empty object. Throws EntityTooLarge, IncompleteBody, BadRequest. */
async function readJson(body: RequestBody, limit: number): Promise<unknown> {
  const bytes = await body.bytes(limit)
  if (bytes.length === 0) return {}
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw new Fault('BadRequest', 'the body is not JSON in UTF-8')
  }
}

const jsonReply = (status: number, envelope: Envelope<unknown>, fields?: Fields): Reply =>
  textReply(status, 'application/json; charset=utf-8', JSON.stringify(envelope), fields)

const failure = (fault: Fault, { id: requestId }: Subject): Reply =>
  jsonReply(
    fault.status,
    { success: false, error: fault.message, code: fault.code, requestId },
    fault.headers,
  )

const recordIn =
  (log: Daemon['log']): Service['record'] =>
  ({ id, method, url }: Recorded, status, _bytes, ms, reason) => {
    const [path] = url.split('?', 1)
    log.info('control', { id, method, path, status, ms, reason })
  }
