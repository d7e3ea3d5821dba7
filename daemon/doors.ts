/**
 * What an S3 worker listens with: the S3 door, and beside it the pages under `/-/` on hosts that are no bucket's own.
 * Only here do the two meet.
 */
import type { IncomingMessage } from 'node:http'
import type { DoorKeys } from '../lib/auth/door-keys.ts'
import type { Config } from '../lib/config.ts'
import type { Log } from '../lib/log.ts'
import type { Roster } from '../lib/roster.ts'
import { Directories } from '../lib/tree/directories.ts'
import type { Roots } from '../lib/tree/roots.ts'
import { Crowd, noShares, type CrowdLimits } from './http/crowd.ts'
import { createListener, type Listener, type ListenerLimits } from './http/listener.ts'
import type { Elsewhere } from './http/elsewhere.ts'
import { logQuietly, recordRequests } from './http/record-requests.ts'
import type { Tally } from './metrics/tally.ts'
import { LinkChecker } from './pages/check-link.ts'
import { createPages, pagesPrefix } from './pages/pages.ts'
import type { Tools } from './s3/admitted-request.ts'
import { bucketOfHost } from './s3/address.ts'
import { createS3Door } from './s3/door.ts'
import { requestFields } from './s3/request-fields.ts'

export type DoorsConfig = Omit<ListenerLimits, 'requestTimeout'> &
  CrowdLimits &
  Pick<Config, 'domains' | 'listingCacheBytes'>

export interface DoorsOptions {
  readonly roster: Roster
  /** Replaced with each publication. */
  readonly keys: () => DoorKeys
  readonly roots: Roots
  readonly control: Tools['control']
  readonly mounts: Tools['mounts']
  readonly log: Log
  readonly tally: Tally
  readonly config: DoorsConfig
  /** Where the requests of some disks are answered; by default, here. */
  readonly elsewhere?: Elsewhere
  /** What comes was passed on by another process, which counts and logs it. */
  readonly passedOn?: {
    /** Resolves when the request can be answered; undefined: now. */
    readonly until: (request: IncomingMessage) => Promise<void> | undefined
  }
}

/** A server that is not listening yet. Its `close` also closes the roots. */
export function createDoors(options: DoorsOptions): Listener {
  const { roster, keys, roots, control, mounts, log, tally, config, elsewhere, passedOn } = options
  const { domains } = config
  const directories = new Directories(config.listingCacheBytes)
  const record = passedOn === undefined ? recordRequests(log, tally) : logQuietly(log)
  // What was passed on has found its place there, and it is there that its client is waited for.
  const crowd = new Crowd(passedOn === undefined ? config : { ...config, ...noShares }, tally)
  const serving = { roster, keys, roots, log, crowd, record, elsewhere }
  const s3 = createS3Door({ ...serving, directories, control, mounts, domains })
  const links = new LinkChecker(keys, (path) => control.ask('checkOldLink', { path }))
  const pages = createPages({ ...serving, links, fields: requestFields, beats: passedOn !== undefined })
  const listener = createListener(
    // A large body may take as long as it keeps moving, however slowly.
    { ...config, requestTimeout: 0 },
    (request, response) => {
      const answer = () => (isPage(request, domains) ? pages : s3.respond)(request, response)
      const wait = passedOn?.until(request)
      if (wait === undefined) answer()
      else void wait.then(answer)
    },
    s3.service,
  )
  listener.on('close', () => {
    directories.close()
    roots.close()
  })
  return listener
}

function isPage({ url, headers, httpVersion }: IncomingMessage, domains: readonly string[]): boolean {
  if (url?.startsWith(pagesPrefix) !== true) return false
  if (headers.host === undefined) return httpVersion === '1.0'
  const host = headers.host.toLowerCase()
  return domains.every((domain) => bucketOfHost(host, domain) === undefined)
}
