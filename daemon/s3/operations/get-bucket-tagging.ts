/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketTagging.html: the disk's tags. */
import { Fault } from '../../../lib/errors.ts'
import type { Reply } from '../../http/reply.ts'
import type { S3Request } from '../operation.ts'
import { taggingDocument } from '../tagging-document.ts'
import { xmlReply } from '../xml-reply.ts'

export function getBucketTagging({ disk, bucket }: S3Request): Reply {
  if (Object.keys(disk.tags).length === 0)
    throw new Fault('NoSuchTagSet', undefined, { details: { BucketName: bucket } })
  return xmlReply(taggingDocument(disk.tags))
}
