/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html */
import { Fault } from '../../../lib/errors.ts'
import { listPage } from '../../../lib/object/listing.ts'
import { openToken, sealToken } from '../continuation.ts'
import { encodingOf } from '../encoding.ts'
import { countOf, delimited } from '../list-query.ts'
import { entries } from '../listing-document.ts'
import type { S3Request } from '../operation.ts'
import { owner } from '../owner.ts'
import type { Reply } from '../../http/reply.ts'
import { xmlReply } from '../xml-reply.ts'
import { document, element } from '../xml.ts'

export async function listObjectsV2(request: S3Request): Promise<Reply> {
  const { query, disk, bucket, tokenKeys } = request
  const { encode, type } = encodingOf(query)
  const prefix = query.get('prefix') ?? ''
  const limit = countOf(query, 'max-keys')
  const listing = { diskId: disk.id, prefix, delimited: delimited(query) }
  const token = query.get('continuation-token')
  if (token === '')
    throw new Fault('InvalidArgument', 'The continuation token provided is incorrect', {
      details: { ArgumentName: 'continuation-token' },
    })
  const startAfter = query.text('start-after')
  const after = token === undefined ? (startAfter ?? '') : openToken(tokenKeys, listing, token)
  const page = await listPage(request.root, request.directories, {
    prefix,
    delimited: listing.delimited,
    after,
    limit,
  })
  return xmlReply(
    document(
      'ListBucketResult',
      element('Name', bucket) +
        element('Prefix', encode(prefix)) +
        (token === undefined ? '' : element('ContinuationToken', token)) +
        (page.truncated ? element('NextContinuationToken', sealToken(tokenKeys, listing, page.last)) : '') +
        (startAfter === undefined ? '' : element('StartAfter', encode(startAfter))) +
        element('KeyCount', page.contents.length + page.commonPrefixes.length) +
        element('MaxKeys', limit) +
        (listing.delimited ? element('Delimiter', encode('/')) : '') +
        (type === undefined ? '' : element('EncodingType', type)) +
        element('IsTruncated', page.truncated) +
        entries(page, encode, query.get('fetch-owner') === 'true' ? owner(disk) : ''),
    ),
  )
}
