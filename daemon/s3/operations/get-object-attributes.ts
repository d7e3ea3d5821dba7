/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html */
import { Fault } from '../../../lib/errors.ts'
import { httpDate } from '../../../lib/object/object.ts'
import { close } from '../../../lib/sys/open.ts'
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
  const { fd, head } = openObject(request)
  close(fd)
  const known: Readonly<Record<string, string>> = {
    ETag: element('ETag', head.etag),
    StorageClass: element('StorageClass', 'STANDARD'),
    ObjectSize: element('ObjectSize', head.size),
  }
  const inner = attributes.map((name) => (wanted.includes(name) ? (known[name] ?? '') : '')).join('')
  const reply = xmlReply(document('GetObjectAttributesResponse', inner))
  return {
    ...reply,
    headers: [...reply.headers, 'Last-Modified', httpDate(head.mtime), 'Accept-Ranges', 'bytes'],
  }
}
