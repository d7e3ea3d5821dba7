/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketTagging.html: the disk's tags. */
import { Fault } from '../../../lib/errors.ts'
import type { S3Request } from '../operation.ts'
import type { Reply } from '../../http/reply.ts'
import { xmlReply } from '../xml-reply.ts'
import { document, element } from '../xml.ts'

export function getBucketTagging({ disk, bucket }: S3Request): Reply {
  const tags = Object.entries(disk.tags)
  if (tags.length === 0) throw new Fault('NoSuchTagSet', undefined, { details: { BucketName: bucket } })
  const set = tags
    .map(([key, value]) => `<Tag>${element('Key', key)}${element('Value', value)}</Tag>`)
    .join('')
  return xmlReply(document('Tagging', `<TagSet>${set}</TagSet>`))
}
