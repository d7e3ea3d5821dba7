/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html */
import { Fault } from '../../../lib/errors.ts'
import type { ByteRange } from '../../../lib/object/range.ts'
import { fileReply, rangeOf, unsatisfied } from '../../http/file-reply.ts'
import { policyOf } from '../../http/presentation.ts'
import type { Reply } from '../../http/reply.ts'
import { openObject } from '../open-object.ts'
import type { S3Request } from '../operation.ts'
import { override } from '../response-overrides.ts'

export function getObject(request: S3Request): Reply | Promise<Reply> {
  const { query } = request
  const part = query.get('partNumber')
  return fileReply(
    request,
    openObject(request),
    (fields) => {
      override(fields, query)
      // Whoever may read may have a file sent as HTML.
      fields['Content-Security-Policy'] = policyOf(fields['Content-Type']!)
    },
    part === undefined ? rangeOf : (headers, { size }) => partOf(part, headers.has('range'), size),
  )
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
      headers: unsatisfied(size),
    })
  return size === 0 ? undefined : { first: 0, last: size - 1 }
}
