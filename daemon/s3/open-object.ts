/** What GetObject, HeadObject and GetObjectAttributes begin with: an open file, and its answer's headers. */
import { Fault } from '../../lib/errors.ts'
import { judge, rangeStands } from '../../lib/object/conditions.ts'
import { contentType } from '../../lib/object/content-type.ts'
import { httpDate, objectHead, type ObjectHead } from '../../lib/object/object.ts'
import { parseRange, type ByteRange } from '../../lib/object/range.ts'
import { parseKey, type Key } from '../../lib/tree/path.ts'
import { resolve, type Opened } from '../../lib/tree/resolve.ts'
import type { S3Request } from './operation.ts'

/** What reading an object takes of a request: an S3 request has it, and so has a share link. */
export type ObjectRequest = Pick<S3Request, 'method' | 'key' | 'query' | 'headers' | 'disk' | 'root'>

export interface OpenedObject extends Opened {
  readonly key: Key
  readonly head: ObjectHead
}

/** The caller closes `fd`. Throws NoSuchKey and what else keeps a key from being read. */
export function openObject(request: ObjectRequest): OpenedObject {
  const version = request.query.text('versionId')
  if (version !== undefined && version !== 'null')
    throw new Fault('InvalidArgument', 'This bucket was never versioned: the only version is "null".', {
      details: { ArgumentName: 'versionId', ArgumentValue: version },
    })
  const key = parseKey(request.key)
  const opened = key === undefined ? 'NoSuchKey' : resolve(request.root, key)
  if (typeof opened === 'string' || key === undefined)
    throw new Fault(typeof opened === 'string' ? opened : 'NoSuchKey', undefined, {
      details: { Key: request.key },
    })
  const { fd, stat } = opened
  return { fd, stat, key, head: objectHead(request.disk.id, stat) }
}

/** Of Range and partNumber: the bytes that are asked for, undefined for all. Throws InvalidRange and others. */
export function stretchOf(request: ObjectRequest, { size, etag, mtime }: ObjectHead): ByteRange | undefined {
  const { headers, query } = request
  const part = query.get('partNumber')
  if (part !== undefined) return partOf(part, headers.has('range'), size)
  const header = headers.get('range')
  if (header === undefined || !rangeStands(headers.get('if-range'), etag, mtime)) return undefined
  const range = parseRange(header, size)
  if (range === 'unsatisfiable')
    throw new Fault('InvalidRange', undefined, {
      details: { RangeRequested: header, ActualObjectSize: String(size) },
      headers: { 'Content-Range': `bytes */${size}`, 'Accept-Ranges': 'bytes' },
    })
  return range
}

/** A file that no multipart upload made is one part. */
function partOf(text: string, ranged: boolean, size: number): ByteRange | undefined {
  if (!/^\d{1,5}$/.test(text) || Number(text) < 1 || Number(text) > 10_000)
    throw new Fault('InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive', {
      details: { ArgumentName: 'partNumber', ArgumentValue: text },
    })
  if (ranged)
    throw new Fault('InvalidRequest', 'Cannot specify both Range header and partNumber query parameter')
  if (Number(text) > 1)
    throw new Fault('InvalidPartNumber', undefined, {
      details: { PartNumberRequested: text, ActualPartCount: '1' },
      headers: { 'Content-Range': `bytes */${size}`, 'Accept-Ranges': 'bytes' },
    })
  return size === 0 ? undefined : { first: 0, last: size - 1 }
}

/** If-Match and its kin: `not-modified` for 304. Throws PreconditionFailed, which carries the ETag. */
export function checkConditions(
  request: ObjectRequest,
  { etag, mtime }: ObjectHead,
): 'proceed' | 'not-modified' {
  const { headers } = request
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
    headers: { ETag: `"${etag}"`, 'Last-Modified': httpDate(mtime), 'Accept-Ranges': 'bytes' },
  })
}

/** Query parameters that set a header of the answer, for signed requests, which all of ours are. */
const overrides: readonly (readonly [parameter: string, header: string])[] = [
  ['response-content-type', 'Content-Type'],
  ['response-content-language', 'Content-Language'],
  ['response-expires', 'Expires'],
  ['response-cache-control', 'Cache-Control'],
  ['response-content-disposition', 'Content-Disposition'],
  ['response-content-encoding', 'Content-Encoding'],
]

/** The headers of an object's answer, Content-Length and Content-Range apart. */
export function objectHeaders(
  request: ObjectRequest,
  { key, fd, stat, head }: OpenedObject,
): string[] | Promise<string[]> {
  const type = contentType(key, fd, stat)
  return typeof type === 'string'
    ? withType(request, head, type)
    : type.then((found) => withType(request, head, found))
}

function withType(request: ObjectRequest, { etag, mtime }: ObjectHead, type: string): string[] {
  const headers = [
    'Accept-Ranges',
    'bytes',
    'ETag',
    `"${etag}"`,
    'Last-Modified',
    httpDate(mtime),
    'Content-Type',
    type,
  ]
  if (request.query.pairs.length === 0) return headers
  for (const [parameter, header] of overrides) {
    const value = request.query.get(parameter)
    if (value === undefined) continue
    if (/[^\t\x20-\x7e\x80-\uffff]/.test(value))
      throw new Fault('InvalidArgument', `${parameter} holds what no header can.`, {
        details: { ArgumentName: parameter },
      })
    // Node writes a header's characters as Latin-1, so UTF-8 goes out byte by byte.
    const bytes = Buffer.from(value).toString('latin1')
    if (header === 'Content-Type') headers[7] = bytes
    else headers.push(header, bytes)
  }
  return headers
}
