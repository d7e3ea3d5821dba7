/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html: there are none yet. */
import { encodingOf } from '../encoding.ts'
import type { S3Request } from '../operation.ts'
import type { Reply } from '../../http/reply.ts'
import { xmlReply } from '../xml-reply.ts'
import { document, element } from '../xml.ts'
import { countOf } from '../list-query.ts'

export function listMultipartUploads({ bucket, query }: S3Request): Reply {
  const { encode, type } = encodingOf(query)
  const maximum = countOf(query, 'max-uploads')
  const optional = (name: string, parameter: string) => {
    const value = query.text(parameter)
    return value === undefined ? '' : element(name, encode(value))
  }
  return xmlReply(
    document(
      'ListMultipartUploadsResult',
      element('Bucket', bucket) +
        element('KeyMarker', encode(query.get('key-marker') ?? '')) +
        element('UploadIdMarker', query.get('upload-id-marker') ?? '') +
        element('NextKeyMarker', '') +
        element('NextUploadIdMarker', '') +
        optional('Prefix', 'prefix') +
        optional('Delimiter', 'delimiter') +
        (type === undefined ? '' : element('EncodingType', type)) +
        element('MaxUploads', maximum) +
        element('IsTruncated', false),
    ),
  )
}
