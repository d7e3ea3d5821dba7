/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html: the credential's one disk. */
import { bucketName } from '../../../lib/disk.ts'
import type { S3Request } from '../operation.ts'
import { owner } from '../owner.ts'
import type { Reply } from '../../http/reply.ts'
import { xmlReply } from '../xml-reply.ts'
import { document, element } from '../xml.ts'

export function listBuckets({ disk, query }: S3Request): Reply {
  const prefix = query.text('prefix')
  const region = query.text('bucket-region')
  const name = bucketName(disk)
  const shown =
    (prefix === undefined || name.startsWith(prefix)) &&
    (region === undefined || region === disk.settings.region)
  const bucket =
    element('Name', name) +
    element('CreationDate', disk.createdAt) +
    element('BucketRegion', disk.settings.region)
  return xmlReply(
    document(
      'ListAllMyBucketsResult',
      owner(disk) +
        `<Buckets>${shown ? `<Bucket>${bucket}</Bucket>` : ''}</Buckets>` +
        (prefix === undefined ? '' : element('Prefix', prefix)),
    ),
  )
}
