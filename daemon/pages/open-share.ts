/**
 * What a share link answers: the file as GetObject sends it, with the headers of a browser in place of those
 * of an S3 client.
 */
import type { IncomingMessage } from 'node:http'
import type { Keyring } from '../../lib/auth/keyring.ts'
import { verifyShare } from '../../lib/auth/share.ts'
import type { Disk } from '../../lib/disk.ts'
import { Fault } from '../../lib/errors.ts'
import type { Roster } from '../../lib/roster.ts'
import { isDirectoryKey, parseKey } from '../../lib/tree/path.ts'
import type { Roots } from '../../lib/tree/roots.ts'
import { getObject } from '../s3/operations/get-object.ts'
import { Query } from '../http/query.ts'
import type { Reply } from '../http/reply.ts'
import { parseTarget } from '../http/request-target.ts'
import { contentDisposition } from '../http/content-disposition.ts'
import { RequestHeaders } from '../http/request-headers.ts'
import { present } from './presentation.ts'

export interface Sharing {
  readonly roster: Roster
  readonly keyring: () => Keyring
  readonly roots: Roots
}

/** The link's query counts for nothing: chats and mail programs add to it. */
const noQuery = new Query('')

/** The disk that the link opens, and its file as a reply. Throws ShareInvalid, ShareExpired and what GetObject throws. */
export async function openShare(
  request: IncomingMessage,
  { roster, keyring, roots }: Sharing,
): Promise<{ disk: Disk; reply: Reply }> {
  const headers = new RequestHeaders(request.rawHeaders, request.headers)
  const { path } = parseTarget(request.url ?? '', headers.get('host') ?? '')
  const share = verifyShare(keyring(), path, Date.now())
  const disk = roster.disk(share.diskId)
  if (disk === undefined) throw new Fault('NoSuchDisk')
  const key = parseKey(share.path)
  if (key === undefined || isDirectoryKey(key)) throw new Fault('NoSuchKey')
  const reply = await getObject({
    method: request.method ?? 'GET',
    key,
    query: noQuery,
    headers,
    disk,
    root: roots.of(disk),
  })
  return { disk, reply: forBrowser(reply, key) }
}

function forBrowser(reply: Reply, key: string): Reply {
  const own: string[] = [
    'Cache-Control',
    // The link may end before a copy does: each use asks whether it still stands.
    'private, no-cache',
    'Referrer-Policy',
    'no-referrer',
    'X-Content-Type-Options',
    'nosniff',
    'X-Robots-Tag',
    'noindex',
  ]
  const headers = [...reply.headers]
  const at = headers.indexOf('Content-Type')
  if (at >= 0) {
    const { disposition, type, policy } = present(headers[at + 1] ?? '')
    headers[at + 1] = type
    own.push('Content-Disposition', contentDisposition(disposition, key.slice(key.lastIndexOf('/') + 1)))
    own.push('Content-Security-Policy', policy)
  }
  return { ...reply, headers: [...headers, ...own] }
}
