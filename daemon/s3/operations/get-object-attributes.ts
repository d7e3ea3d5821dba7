/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html */
import { Fault } from '../../../lib/errors.ts'
import { httpDate } from '../../../lib/object/http-date.ts'
import { openObject } from '../open-object.ts'
import type { S3Request } from '../operation.ts'
import type { Reply } from '../../http/reply.ts'
import { xmlReply } from '../xml-reply.ts'
import { document, element } from '../xml.ts'

/** In the order of the answer. A file that was not born over S3 has no checksum and no parts. */
const attributes = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize']

export function getObjectAttributes(request: S3Request): Reply {
  const wanted = (request.headers.get('x-amz-object-attributes') ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  if (wanted.length === 0 || !wanted.every((name) => attributes.includes(name)))
    throw new Fault(
      'InvalidArgument',
      `The x-amz-object-attributes header names one or more of ${attributes.join(', ')}.`,
      { details: { ArgumentName: 'x-amz-object-attributes' } },
    )
  const object = openObject(request)
  object.close()
  const known: Readonly<Record<string, string>> = {
    ETag: element('ETag', object.etag),
    StorageClass: element('StorageClass', 'STANDARD'),
    ObjectSize: element('ObjectSize', object.size),
  }
  const inner = attributes.map((name) => (wanted.includes(name) ? (known[name] ?? '') : '')).join('')
  return xmlReply(document('GetObjectAttributesResponse', inner), {
    'Last-Modified': httpDate(object.mtime),
    'Accept-Ranges': 'bytes',
  })
}
