/** What the two versions of a bucket's listing have in common: how a page's entries look. */
import { LRUCache } from '../../lib/lru.ts'
import { dateWithin } from '../../lib/object/http-date.ts'
import type { ListPage } from '../../lib/object/listing.ts'
import { element, escapeXml } from './xml.ts'

const dates = new LRUCache<number, string>({ max: 4096 })

/** S3 gives milliseconds, and of them none. */
function listDate(seconds: number): string {
  let text = dates.get(seconds)
  if (text === undefined) dates.set(seconds, (text = dateWithin(seconds).toISOString()))
  return text
}

/** `owner` is the XML of an Owner, or ''. */
export function entries(page: ListPage, encode: (text: string) => string, owner: string): string {
  let text = ''
  for (const { key, size, etag, mtime } of page.contents)
    text +=
      `<Contents><Key>${escapeXml(encode(key))}</Key><LastModified>${listDate(mtime)}</LastModified>` +
      `<ETag>&quot;${etag}&quot;</ETag><Size>${size}</Size>${owner}<StorageClass>STANDARD</StorageClass></Contents>`
  for (const prefix of page.commonPrefixes)
    text += `<CommonPrefixes>${element('Prefix', encode(prefix))}</CommonPrefixes>`
  return text
}
