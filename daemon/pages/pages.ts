/** What the S3 listener serves that is not S3: all of it under `/-/`, where no bucket's name can begin. */
import { sharePrefix } from '../../lib/auth/share.ts'
import { Fault } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import { anybodys } from '../http/anybodys.ts'
import type { Crowd } from '../http/crowd.ts'
import type { Subject } from '../http/exchange.ts'
import type { Respond } from '../http/listener.ts'
import { respond, type Handle, type Service } from '../http/pipeline.ts'
import { textReply, type Fields, type Reply } from '../http/reply.ts'
import { errorPage } from './error-page.ts'
import { openShare, type Sharing } from './open-share.ts'

export interface PagesOptions extends Sharing {
  /** Shares count among S3's requests and are refused with them; a load balancer's question is neither. */
  readonly crowd: Crowd
  readonly log: Log
  readonly record: Service['record']
  /** The fields by which an answer names its request, as S3's do. */
  readonly fields: (subject: Subject) => Fields
  /** Whether a worker may ask here if the disks answer. */
  readonly beats: boolean
}

/** What every page's path begins with. */
export const pagesPrefix = '/-/'

interface Page {
  /** As an operation's, in the log and the figures. */
  readonly name: string
  readonly isAt: (path: string) => boolean
  readonly counted: boolean
  readonly run: Handle
}

/** Serves `/-/…`. Each request is answered and logged once, the link's token never. */
export function createPages(options: PagesOptions): Respond {
  const { log, crowd, record, fields } = options
  const service: Service = { log, crowd, counted: true, always: anybodys, record, fields, failure }
  const uncounted: Service = { ...service, counted: false }
  const pages: readonly Page[] = [
    {
      name: 'Health',
      isAt: (path) => path === '/-/health',
      counted: false,
      run: () => (crowd.full ? full : healthy),
    },
    { name: 'Live', isAt: (path) => path === '/-/live', counted: false, run: () => healthy },
    {
      name: 'Share',
      isAt: (path) => path.startsWith(sharePrefix),
      counted: true,
      run: (exchange) => openShare(exchange, options),
    },
    ...(options.beats ? [beat(options)] : []),
  ]
  const serve =
    (page: Page | undefined): Handle =>
    (exchange) => {
      exchange.operation = page?.name
      if (page === undefined) throw new Fault('NoSuchRoute')
      readOnly(exchange.method)
      return page.run(exchange)
    }
  return (request, response) => {
    const [path = ''] = (request.url ?? '').split('?', 1)
    const page = pages.find(({ isAt }) => isAt(path))
    void respond(page?.counted === false ? uncounted : service, request, response, serve(page))
  }
}

/** Answers when every disk has: one that doesn't keeps this process, which is there for it. */
const beat = ({ roster, roots }: Sharing): Page => ({
  name: 'Beat',
  isAt: (path) => path === '/-/beat',
  counted: false,
  run: () => {
    for (const disk of roster.disks()) roots.of(disk).ask()
    return healthy
  },
})

function readOnly(method: string): void {
  if (method !== 'GET' && method !== 'HEAD') {
    throw new Fault('MethodNotAllowed', undefined, { headers: { Allow: 'GET, HEAD' } })
  }
}

/** For load balancers: a worker that can answer this can serve, and turns nobody away for want of places. */
const healthy = textReply(200, 'text/plain; charset=utf-8', 'ok\n', { 'Cache-Control': 'no-store' })
/** It has turned somebody away who alone would have been served. */
const full = textReply(503, 'text/plain; charset=utf-8', 'full: requests are turned away\n', {
  'Cache-Control': 'no-store',
  'Retry-After': '5',
})

const failure = (fault: Fault, { id }: Subject): Reply =>
  textReply(fault.status, 'text/html; charset=utf-8', errorPage(fault, id), {
    'Cache-Control': 'no-store',
    'Content-Security-Policy':
      "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; sandbox",
    ...(fault.code === 'SlowDown' ? { 'Retry-After': '1' } : {}),
    ...fault.headers,
  })
