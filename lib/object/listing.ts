/** A page of a bucket's listing, for ListObjectsV2 and ListObjects alike. */
import { Fault } from '../errors.ts'
import type { Directories } from '../tree/directories.ts'
import type { Root } from '../tree/root.ts'
import { Walk } from '../tree/walk.ts'
import { objectHead, type ObjectHead } from './stored-object.ts'

export interface ListRequest {
  /** Any text; one that no key can begin with has an empty listing. */
  readonly prefix: string
  /** Roll keys up at the first slash behind the prefix. */
  readonly delimited: boolean
  /**
   * What is listed comes after this text in the order of keys; '' for the beginning. It need not exist. Where it
   * equals a common prefix, all of that prefix is behind us: so the last thing of one page is the `after` of
   * the next, be it a key or a common prefix.
   */
  readonly after: string
  /** Keys and common prefixes together, 0 to 1000. */
  readonly limit: number
}

export interface ListedObject extends ObjectHead {
  readonly key: string
}

export interface ListPage {
  readonly contents: readonly ListedObject[]
  readonly commonPrefixes: readonly string[]
  /** There is more after `last`. Never with a limit of 0. */
  readonly truncated: boolean
  /** The last key or common prefix of this page, '' when there is none: the next page's `after`. */
  readonly last: string
}

/** Throws DiskOffline, AccessDenied, ServiceUnavailable or SlowDown; a prefix that leads nowhere lists nothing. */
export async function listPage(
  root: Root,
  directories: Directories,
  request: ListRequest,
): Promise<ListPage> {
  const contents: ListedObject[] = []
  const commonPrefixes: string[] = []
  const page = (truncated: boolean, last: string): ListPage => ({ contents, commonPrefixes, truncated, last })
  if (!root.check()) throw new Fault('DiskOffline')
  if (request.limit === 0) return page(false, '')
  const walk = new Walk(root, directories, request)
  try {
    let last = ''
    for (let listed = 0; ; listed++) {
      let found = walk.step()
      while (found instanceof Promise) {
        await found
        found = walk.step()
      }
      if (found === undefined) return page(false, last)
      if (listed === request.limit) return page(true, last)
      last = found.key
      if (found.rolledUp) commonPrefixes.push(found.key)
      else contents.push({ key: found.key, ...objectHead(root.disk.id, found.stat) })
    }
  } finally {
    walk.close()
  }
}
