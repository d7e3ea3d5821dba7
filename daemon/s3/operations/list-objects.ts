/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjects.html */
import { listPage } from '../../../lib/object/listing.ts'
import { encodingOf } from '../encoding.ts'
import { countOf, delimited } from '../list-query.ts'
import { entries } from '../listing-document.ts'
import type { S3Request } from '../operation.ts'
import { owner } from '../owner.ts'
import type { Reply } from '../../http/reply.ts'
import { xmlReply } from '../xml-reply.ts'
import { document, element } from '../xml.ts'

export async function listObjects(request: S3Request): Promise<Reply> {
  const { query, disk, bucket } = request
  const { encode, type } = encodingOf(query)
  const prefix = query.get('prefix') ?? ''
  const marker = query.get('marker') ?? ''
  const limit = countOf(query, 'max-keys')
  const rolled = delimited(query)
  const page = await listPage(request.root, request.directories, {
    prefix,
    delimited: rolled,
    after: marker,
    limit,
  })
  return xmlReply(
    document(
      'ListBucketResult',
      element('Name', bucket) +
        element('Prefix', encode(prefix)) +
        element('Marker', encode(marker)) +
        // Without a delimiter the last key is the next marker, and S3 leaves it to the client to see that.
        (page.truncated && rolled ? element('NextMarker', encode(page.last)) : '') +
        element('MaxKeys', limit) +
        (rolled ? element('Delimiter', encode('/')) : '') +
        (type === undefined ? '' : element('EncodingType', type)) +
        element('IsTruncated', page.truncated) +
        entries(page, encode, owner(disk)),
    ),
  )
}
