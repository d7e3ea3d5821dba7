/** What a share link answers: the file, with what tells a browser how to treat it. */
import { Fault } from '../../lib/errors.ts'
import { StoredObject } from '../../lib/object/stored-object.ts'
import type { Roster } from '../../lib/roster.ts'
import { isDirectoryKey, parseKey, type Key } from '../../lib/tree/path.ts'
import type { Roots } from '../../lib/tree/roots.ts'
import { contentDisposition } from '../http/content-disposition.ts'
import { answerHereOr, type Elsewhere } from '../http/elsewhere.ts'
import type { Exchange } from '../http/exchange.ts'
import { fileReply, type GrowingFields } from '../http/file-reply.ts'
import type { LinkChecker } from './check-link.ts'
import { present } from '../http/presentation.ts'
import type { Fields, Reply } from '../http/reply.ts'
import { parseTarget } from '../http/request-target.ts'

export interface Sharing {
  readonly roster: Roster
  readonly links: LinkChecker
  readonly roots: Roots
  /** Where the requests of some disks are answered; undefined: here. */
  readonly elsewhere?: Elsewhere | undefined
}

/** Throws ShareInvalid, ShareExpired, ServiceUnavailable, and what opening the file and sending it throw. */
export async function openShare(
  exchange: Exchange,
  { roster, links, roots, elsewhere }: Sharing,
): Promise<Reply> {
  const { url, headers } = exchange
  // The link's query counts for nothing: chats and mail programs add to it.
  const { path } = parseTarget(url, headers.get('host') ?? '')
  const share = await links.check(path, Date.now())
  exchange.visit?.countFor('link', path)
  const disk = roster.disk(share.diskId)
  if (disk === undefined) throw new Fault('NoSuchDisk')
  exchange.disk = disk.id
  const key = parseKey(share.path)
  if (key === undefined || isDirectoryKey(key)) throw new Fault('NoSuchKey')
  return answerHereOr(elsewhere, exchange, disk, async () => {
    const object = StoredObject.open(roots.of(disk), key)
    const reply = await fileReply(exchange, object, (fields) => show(fields, key))
    return { ...reply, fields: { ...reply.fields, ...always } }
  })
}

/** How a browser treats the file. */
function show(fields: GrowingFields, key: Key): void {
  const { disposition, type, policy } = present(fields['Content-Type'] ?? '')
  fields['Content-Type'] = type
  fields['Content-Disposition'] = contentDisposition(disposition, key.slice(key.lastIndexOf('/') + 1))
  fields['Content-Security-Policy'] = policy
}

/** What holds for the copy of a 304 too. */
const always: Fields = {
  // The link may end before a copy does: each use asks whether it still stands.
  'Cache-Control': 'private, no-cache',
  'X-Robots-Tag': 'noindex',
}
