/** What the S3 listener serves that is not S3: share links and the health check, all under `/-/`. */
import Router from '@koa/router'
import Koa from 'koa'
import type { IncomingMessage } from 'node:http'
import { sharePrefix } from '../../lib/auth/share.ts'
import type { Disk } from '../../lib/disk.ts'
import { Fault } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import type { Tally } from '../metrics/tally.ts'
import type { Reply } from '../http/reply.ts'
import { isRequestId, newHostId, newRequestId } from '../http/request-id.ts'
import { sendReply } from '../http/send-reply.ts'
import { DirectResponse, type DirectListener } from '../http/direct-response.ts'
import { errorPage } from './error-page.ts'
import { openShare, type Sharing } from './open-share.ts'

export interface PagesOptions extends Sharing {
  /** Shares count among S3's requests and are refused with them; a load balancer's question is neither. */
  readonly maxRequests: number
  readonly log: Log
  readonly tally: Tally
}

interface Answer {
  readonly reply: Reply
  readonly disk?: Disk
}

/** What a route's function leaves for the pipeline to send. */
interface State {
  operation?: string
  answer?: Answer
}

/** Serves `/-/…`. Each request is answered and logged once, the link's token never. */
export function createPages(options: PagesOptions): DirectListener {
  const router = new Router<State>()
  router.all(healthPath, (context) => {
    context.state.operation = 'Health'
    readOnly(context.method)
    context.state.answer = { reply: health }
  })
  router.all(shares, async (context) => {
    context.state.operation = 'Share'
    readOnly(context.method)
    context.state.answer = await openShare(context.req, options)
  })

  const app = new Koa<State>()
  app.use(async (context, next) => {
    const started = performance.now()
    const given = context.get('x-request-id')
    const id = isRequestId(given) ? given : newRequestId()
    const hostId = newHostId()
    // sendReply writes the answer itself, so that a share's body takes the way that GetObject's takes.
    context.respond = false
    if (!(context.res instanceof DirectResponse)) throw new TypeError('a server of another kind')
    const counted = context.path !== healthPath
    if (counted) options.tally.inFlight++
    let answer: Answer
    try {
      if (counted && options.tally.inFlight > options.maxRequests) throw new Fault('SlowDown')
      await next()
      answer = context.state.answer ?? failure(new Fault('NoSuchRoute'), id)
    } catch (thrown) {
      const fault = thrown instanceof Fault ? thrown : new Fault('InternalError')
      if (fault !== thrown)
        options.log.error('bug', { id, operation: context.state.operation, error: thrown })
      answer = failure(fault, id)
    }
    const { disk, reply } = answer
    const head =
      context.method === 'HEAD' && typeof reply.body === 'string' ? { ...reply, body: null } : reply
    const unread = hasBody(context.req) ? 'coming' : 'none'
    let bytes: number
    try {
      bytes = await sendReply(context.req, context.res, head, id, hostId, unread)
    } finally {
      if (counted) options.tally.inFlight--
    }
    const ms = Math.round((performance.now() - started) * 1000) / 1000
    options.tally.count(disk?.id, context.state.operation, reply.status, bytes, ms)
    options.log.info('request', {
      id,
      disk: disk?.id,
      operation: context.state.operation ?? context.method,
      status: reply.status,
      bytes,
      ms,
    })
  })
  app.use(router.routes())
  app.on('error', (error: unknown) => options.log.error('bug', { error }))
  const handle = app.callback()
  return (request, response) => void handle(request, response)
}

const healthPath = '/-/health'
const shares = new RegExp(`^${sharePrefix}`)

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'

function readOnly(method: string): void {
  if (method !== 'GET' && method !== 'HEAD') {
    throw new Fault('MethodNotAllowed', undefined, { headers: { Allow: 'GET, HEAD' } })
  }
}

/** For load balancers: a worker that can answer this can serve. */
const health: Reply = {
  status: 200,
  headers: ['Content-Type', 'text/plain; charset=utf-8', 'Cache-Control', 'no-store'],
  body: 'ok\n',
  length: 3,
}

function failure(fault: Fault, id: string): Answer {
  const page = errorPage(fault, id)
  return {
    reply: {
      status: fault.status,
      headers: [
        'Content-Type',
        'text/html; charset=utf-8',
        'Cache-Control',
        'no-store',
        'Content-Security-Policy',
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; sandbox",
        'Referrer-Policy',
        'no-referrer',
        'X-Content-Type-Options',
        'nosniff',
        ...Object.entries(fault.headers).flat(),
        ...(fault.code === 'SlowDown' ? ['Retry-After', '1'] : []),
      ],
      body: page,
      length: Buffer.byteLength(page),
    },
  }
}
