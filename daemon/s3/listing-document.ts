/** What the two versions of a bucket's listing have in common: how a page's entries look. */
import type { ListPage } from '../../lib/object/listing.ts'
import { element, escapeXml } from './xml.ts'

/** S3 gives milliseconds, and of them none. */
const dates = new Map<number, string>()
function listDate(seconds: number): string {
  let text = dates.get(seconds)
  if (text === undefined) {
    if (dates.size === 4096) dates.clear()
    const within = Math.min(Math.max(seconds, -62135596800), 253402300799)
    dates.set(seconds, (text = new Date(within * 1000).toISOString()))
  }
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
