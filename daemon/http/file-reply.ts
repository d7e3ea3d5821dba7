/**
 * An open file as the answer to GET or HEAD: preconditions first, then the range (RFC 9110, 13 and 14). It is here that
 * a 304, a 412 and a Range's 416 are decided, for whoever sends files.
 */
import { close } from '../../lib/sys/open.ts'
import { Fault } from '../../lib/errors.ts'
import { judge, rangeStands } from '../../lib/object/conditions.ts'
import { httpDate } from '../../lib/object/http-date.ts'
import { parseRange, type ByteRange } from '../../lib/object/range.ts'
import type { Reply } from './reply.ts'
import type { RequestHeaders } from './request-headers.ts'

/** What is sent: lib's `StoredObject` is one. */
export interface OpenFile {
  readonly fd: number
  /** Bytes. */
  readonly size: number
  /** Without quotes. */
  readonly etag: string
  /** Whole seconds since the epoch. */
  readonly mtime: number
  contentType(): string | Promise<string>
}

/** The bytes that a request asks for, undefined for all of them. Throws a Fault where there are none such. */
export type StretchOf = (headers: RequestHeaders, file: OpenFile) => ByteRange | undefined

interface FileRequest {
  readonly method: string
  readonly headers: RequestHeaders
}

/** Fields that are still being put together. */
export type GrowingFields = Record<string, string>

/**
 * `describe` changes and adds to the fields that say what the file is, Content-Type to begin with; a 304 has none.
 * Takes over the descriptor, which is closed here unless the reply holds it. Throws PreconditionFailed, which carries
 * the ETag, InvalidRange and what `describe` and `stretchOf` throw.
 */
export function fileReply(
  request: FileRequest,
  file: OpenFile,
  describe: (fields: GrowingFields) => void,
  stretchOf: StretchOf = rangeOf,
): Reply | Promise<Reply> {
  try {
    const type = file.contentType()
    if (typeof type === 'string') return answer(request, file, type, describe, stretchOf)
    return type
      .then((found) => answer(request, file, found, describe, stretchOf))
      .catch((thrown: unknown) => {
        close(file.fd)
        throw thrown
      })
  } catch (thrown) {
    close(file.fd)
    throw thrown
  }
}

/** Takes over the descriptor unless it throws. */
function answer(
  { method, headers }: FileRequest,
  file: OpenFile,
  type: string,
  describe: (fields: GrowingFields) => void,
  stretchOf: StretchOf,
): Reply {
  const { fd, size, etag, mtime } = file
  if (checkConditions(headers, file) === 'not-modified') {
    close(fd)
    return { status: 304, fields: validators(etag, mtime), body: null, length: null }
  }
  // Added to, since a spread costs more than all the rest of this function.
  const fields = validators(etag, mtime)
  fields['Content-Type'] = type
  describe(fields)
  const stretch = stretchOf(headers, file)
  let offset = 0
  let length = size
  if (stretch !== undefined) {
    offset = stretch.first
    length = stretch.last - stretch.first + 1
    fields['Content-Range'] = `bytes ${stretch.first}-${stretch.last}/${size}`
  }
  const status = stretch === undefined ? 200 : 206
  if (method === 'HEAD' || length === 0) {
    close(fd)
    return { status, fields, body: null, length }
  }
  return { status, fields, body: { fd, offset, length }, length }
}

const validators = (etag: string, mtime: number): GrowingFields => ({
  'Accept-Ranges': 'bytes',
  ETag: `"${etag}"`,
  'Last-Modified': httpDate(mtime),
})

/** By Range and If-Range. Throws InvalidRange. */
export const rangeOf: StretchOf = (headers, { size, etag, mtime }) => {
  const range = headers.get('range')
  if (range === undefined || !rangeStands(headers.get('if-range'), etag, mtime)) return undefined
  const stretch = parseRange(range, size)
  if (stretch === 'unsatisfiable')
    throw new Fault('InvalidRange', undefined, {
      details: { RangeRequested: range, ActualObjectSize: String(size) },
      headers: unsatisfied(size),
    })
  return stretch
}

/** What an answer says of a file that has none of the bytes asked for (RFC 9110, 14.4). */
export const unsatisfied = (size: number) => ({
  'Content-Range': `bytes */${size}`,
  'Accept-Ranges': 'bytes',
})

/** If-Match and its kin: `not-modified` for 304. Throws PreconditionFailed. */
function checkConditions(headers: RequestHeaders, { etag, mtime }: OpenFile): 'proceed' | 'not-modified' {
  const conditions = {
    ifMatch: headers.get('if-match'),
    ifNoneMatch: headers.get('if-none-match'),
    ifModifiedSince: headers.get('if-modified-since'),
    ifUnmodifiedSince: headers.get('if-unmodified-since'),
  }
  const verdict = judge(conditions, etag, mtime, Date.now() / 1000)
  if (verdict !== 'failed') return verdict
  throw new Fault('PreconditionFailed', undefined, {
    details: { Condition: conditions.ifMatch === undefined ? 'If-Unmodified-Since' : 'If-Match' },
    headers: validators(etag, mtime),
  })
}
