/**
 * The S3 door: what happens to a request between the wire and its operation, in one linear function. Parse,
 * authenticate, authorise, run; operations see none of Node's objects.
 */
import { requireEmptyPayload } from '../../lib/auth/sigv4-payload.ts'
import { Fault } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import type { Roster } from '../../lib/roster.ts'
import { anybodys } from '../http/anybodys.ts'
import { answerHereOr, type Elsewhere } from '../http/elsewhere.ts'
import type { Exchange } from '../http/exchange.ts'
import type { Respond } from '../http/listener.ts'
import { respond, type Service } from '../http/pipeline.ts'
import { Query } from '../http/query.ts'
import type { Reply } from '../http/reply.ts'
import { parseTarget } from '../http/request-target.ts'
import { addressOf, type Address } from './address.ts'
import { AdmittedRequest, type Tools } from './admitted-request.ts'
import { createVerifier } from './authenticate.ts'
import { errorReply } from './error-reply.ts'
import type { Operation, Run } from './operation.ts'
import { requestFields } from './request-fields.ts'
import { allowed, route } from './route.ts'

export interface S3DoorOptions extends Tools {
  readonly roster: Roster
  /** In lower case: a bucket is also a name below each of them (virtual-host style). */
  readonly domains: readonly string[]
  readonly log: Log
  readonly crowd: Service['crowd']
  readonly record: Service['record']
  /** Where the requests of some disks are answered; undefined: here. */
  readonly elsewhere?: Elsewhere | undefined
}

export interface S3Door {
  readonly service: Service
  readonly respond: Respond
}

export function createS3Door(options: S3DoorOptions): S3Door {
  const { roster, domains, log, crowd, record, elsewhere } = options
  const verifier = createVerifier(roster)
  const service: Service = {
    log,
    crowd,
    counted: true,
    always: anybodys,
    fields: requestFields,
    failure: errorReply,
    record,
  }

  function serve(exchange: Exchange): Reply | Promise<Reply> {
    const { method, url, headers } = exchange
    const target = parseTarget(url, headers.get('host') ?? '')
    const address = addressOf(target, domains)
    exchange.resource = resourceOf(address)
    const query = new Query(target.query)

    const verified = verifier.verify({ method, target: url, headers, now: Date.now() })
    if (!exchange.body.present) requireEmptyPayload(verified.payload)
    const { user } = verified
    exchange.user = user.accessKeyId
    exchange.visit?.countFor('key', user.accessKeyId)
    exchange.disk = user.diskId

    const on = address.bucket === '' ? 'service' : address.key === '' ? 'bucket' : 'object'
    const operation = route(method, on, query, headers)
    exchange.operation = operation?.name
    const disk = roster.disk(user.diskId)
    if (disk === undefined) throw new Fault('AccessDenied')
    if (on !== 'service' && roster.bucket(address.bucket) !== disk) throw new Fault('AccessDenied')
    const run = authorise(operation, on, method, disk.settings.s3, user.access)

    const here = () => run(new AdmittedRequest(exchange, address, query, verified, disk, options))
    if (on === 'service' || operation?.isOfRecords === true) return here()
    return answerHereOr(elsewhere, exchange, disk, here)
  }

  return { service, respond: (request, response) => void respond(service, request, response, serve) }
}

const resourceOf = ({ bucket, key }: Address): string =>
  bucket === '' ? '/' : key === '' ? `/${bucket}` : `/${bucket}/${key}`

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
