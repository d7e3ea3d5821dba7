/**
 * The S3 door: one linear function a request, straight on node:http. Id, parse, authenticate, authorise, run,
 * reply, log; operations see none of Node's objects. What lies under `/-/` on hosts that are no bucket's own
 * goes to the listener that was passed in.
 */
import type { IncomingMessage } from 'node:http'
import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Keyring } from '../../lib/auth/keyring.ts'
import { requireEmptyPayload } from '../../lib/auth/sigv4-payload.ts'
import type { Config } from '../../lib/config.ts'
import type { Disk, S3User } from '../../lib/disk.ts'
import { Fault } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import type { Roster } from '../../lib/roster.ts'
import { Directories } from '../../lib/tree/directories.ts'
import type { Root } from '../../lib/tree/root.ts'
import type { Roots } from '../../lib/tree/roots.ts'
import { DirectResponse, type DirectListener } from '../http/direct-response.ts'
import { RequestHeaders } from '../http/request-headers.ts'
import type { Tally } from '../metrics/tally.ts'
import { createVerifier } from './authenticate.ts'
import { errorReply } from './error-reply.ts'
import type { Operation, Run, S3Request } from './operation.ts'
import { Query } from '../http/query.ts'
import type { Reply } from '../http/reply.ts'
import { refuse } from '../http/parser-refusal.ts'
import { isRequestId, newHostId, newRequestId } from '../http/request-id.ts'
import { allowed, route } from './route.ts'
import { sendReply } from '../http/send-reply.ts'
import { addressOf, bucketOfHost } from './address.ts'
import { parseTarget } from '../http/request-target.ts'

export type S3DoorConfig = Pick<
  Config,
  | 'domains'
  | 'maxConnections'
  | 'maxRequests'
  | 'maxHeaderBytes'
  | 'headersTimeout'
  | 'idleTimeout'
  | 'keepAliveTimeout'
  | 'listingCacheBytes'
>

export interface S3DoorOptions {
  readonly roster: Roster
  /** Asked whenever a secret is derived: it is replaced when keys rotate. */
  readonly keyring: () => Keyring
  readonly roots: Roots
  readonly log: Log
  readonly tally: Tally
  readonly config: S3DoorConfig
  /** Shares and health: whatever lies under `/-/`. */
  readonly other: DirectListener
}

export type S3Server = Server<typeof IncomingMessage, typeof DirectResponse>

/** A server that is not listening yet. Its `close` also closes the roots. */
export function createS3Door(options: S3DoorOptions): S3Server {
  const { roster, keyring, roots, log, tally, config, other } = options
  const verifier = createVerifier(roster, keyring)
  const directories = new Directories(config.listingCacheBytes)
  const server = createServer<typeof IncomingMessage, typeof DirectResponse>({
    ServerResponse: DirectResponse,
    maxHeaderSize: config.maxHeaderBytes,
    headersTimeout: config.headersTimeout,
    // It would count the body: a large one may take as long as it keeps moving.
    requestTimeout: 0,
    keepAliveTimeout: config.keepAliveTimeout,
    connectionsCheckingInterval: 1000,
    noDelay: true,
    // We refuse it ourselves, with a request id.
    requireHostHeader: false,
  })
  // Idle in the middle of a request or an answer: a body that moves, however slowly, starts it anew.
  server.timeout = config.idleTimeout
  server.maxConnections = config.maxConnections
  const seconds = Math.floor(config.keepAliveTimeout / 1000)
  const keepAliveLine = config.keepAliveTimeout > 0 ? `Keep-Alive: timeout=${seconds}\r\n` : ''
  const tools: Tools = { roots, directories, keyring }

  async function handle(
    request: IncomingMessage,
    response: DirectResponse,
    expectation: 'none' | '100-continue' | 'other',
  ): Promise<void> {
    const started = performance.now()
    const method = request.method ?? ''
    const head = method === 'HEAD'
    let id = newRequestId()
    let resource = ''
    let operation: Operation | undefined
    let user: string | undefined
    let disk: string | undefined
    const hostId = newHostId()
    const bodied = hasBody(request)
    let reply: Reply
    tally.inFlight++
    try {
      const headers = new RequestHeaders(request.rawHeaders, request.headers)
      const given = headers.get('x-request-id')
      if (given !== undefined && isRequestId(given)) id = given
      if (tally.inFlight > config.maxRequests) throw new Fault('SlowDown')
      if (expectation === 'other') throw new Fault('ExpectationFailed')
      if (!headers.has('host') && request.httpVersion !== '1.0')
        throw new Fault('BadRequest', 'The Host header is missing.')
      const target = parseTarget(request.url ?? '', headers.get('host') ?? '')
      const { bucket, key } = addressOf(target, config.domains)
      resource = bucket === '' ? '/' : key === '' ? `/${bucket}` : `/${bucket}/${key}`
      const query = new Query(target.query)

      const verified = verifier.verify({
        method,
        target: request.url ?? '',
        headers,
        now: Date.now(),
      })
      if (!bodied) requireEmptyPayload(verified.payload)
      user = verified.user.accessKeyId
      disk = verified.user.diskId

      const on = bucket === '' ? 'service' : key === '' ? 'bucket' : 'object'
      operation = route(method, on, query, headers)
      const opened = roster.disk(verified.user.diskId)
      if (opened === undefined) throw new Fault('AccessDenied')
      if (on !== 'service' && roster.bucket(bucket) !== opened) throw new Fault('AccessDenied')
      const run = authorise(operation, on, method, opened.settings.s3, verified.user.access)

      const admitted = new Admitted(id, method, bucket, key, query, headers, verified.user, opened, tools)
      const replied = run(admitted)
      reply = replied instanceof Promise ? await replied : replied
    } catch (thrown) {
      const fault = thrown instanceof Fault ? thrown : new Fault('InternalError')
      if (fault !== thrown) log.error('bug', { id, operation: operation?.name, error: thrown })
      reply = errorReply(fault, { requestId: id, hostId, resource, head })
    }
    const unread = !bodied ? 'none' : expectation === 'none' ? 'coming' : 'expected'
    let bytes = 0
    try {
      const sent = sendReply(request, response, reply, id, hostId, unread)
      bytes = typeof sent === 'number' ? sent : await sent
    } catch (thrown) {
      log.error('bug', { id, operation: operation?.name, error: thrown })
      response.destroy()
    }
    tally.inFlight--
    const ms = Math.round((performance.now() - started) * 1000) / 1000
    tally.count(disk, operation?.name, reply.status, bytes, ms)
    log.info('request', {
      id,
      disk,
      user,
      operation: operation?.name ?? method,
      status: reply.status,
      bytes,
      ms,
    })
  }

  const dispatch =
    (expectation: 'none' | '100-continue' | 'other') =>
    (request: IncomingMessage, response: DirectResponse) => {
      // Whose final answer ends the connection unless it was told to continue, which Node keeps account of.
      if (expectation === 'none') response.keepAliveLine = keepAliveLine
      if (isOther(request, config.domains)) {
        if (expectation === '100-continue') response.writeContinue()
        other(request, response)
      } else void handle(request, response, expectation)
    }
  server.on('request', dispatch('none'))
  server.on('checkContinue', dispatch('100-continue'))
  server.on('checkExpectation', dispatch('other'))
  server.on('clientError', (error: Error & { code?: string }, socket: Socket) => {
    const refused = refuse(error, socket)
    if (refused === undefined) return
    tally.count(undefined, undefined, refused.status, refused.bytes, 0)
    log.info('request', refused)
  })
  server.on('close', () => {
    directories.close()
    roots.close()
  })
  return server
}

/** `/-/…`, on a host that is no bucket's own. */
function isOther(request: IncomingMessage, domains: readonly string[]): boolean {
  if (request.url?.startsWith('/-/') !== true) return false
  if (request.headers.host === undefined) return request.httpVersion === '1.0'
  const host = request.headers.host.toLowerCase()
  return domains.every((domain) => bucketOfHost(host, domain) === undefined)
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined ||
  (headers['content-length'] !== undefined && headers['content-length'] !== '0')

/** What operations work with, one of each in a process. */
interface Tools {
  readonly roots: Roots
  readonly directories: Directories
  readonly keyring: () => Keyring
}

/** A request on its way into an operation. */
class Admitted implements S3Request {
  readonly id: string
  readonly method: string
  readonly bucket: string
  readonly key: string
  readonly query: Query
  readonly headers: RequestHeaders
  readonly user: S3User
  readonly disk: Disk
  readonly #tools: Tools

  constructor(
    id: string,
    method: string,
    bucket: string,
    key: string,
    query: Query,
    headers: RequestHeaders,
    user: S3User,
    disk: Disk,
    tools: Tools,
  ) {
    this.id = id
    this.method = method
    this.bucket = bucket
    this.key = key
    this.query = query
    this.headers = headers
    this.user = user
    this.disk = disk
    this.#tools = tools
  }

  get root(): Root {
    return this.#tools.roots.of(this.disk)
  }

  get directories(): Directories {
    return this.#tools.directories
  }

  get keyring(): Keyring {
    return this.#tools.keyring()
  }
}

/** The row's function. Throws MethodNotAllowed, NotImplemented or AccessDenied unless it may run. */
function authorise(
  operation: Operation | undefined,
  on: Operation['on'],
  method: string,
  s3: 'ro' | 'rw',
  access: 'ro' | 'rw',
): Run {
  if (operation === undefined || (operation.needs === 'write' && s3 === 'ro'))
    throw new Fault('MethodNotAllowed', undefined, {
      details: { Method: method, ResourceType: on.toUpperCase() },
      headers: { Allow: allowed(on) },
    })
  if (operation.needs === 'write' && access === 'ro') throw new Fault('AccessDenied')
  if (operation.run === undefined)
    throw new Fault('NotImplemented', `${operation.name} is not implemented.`, {
      details: { Operation: operation.name },
    })
  return operation.run
}
