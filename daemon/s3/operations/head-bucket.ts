/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html */
import { Fault } from '../../../lib/errors.ts'
import type { S3Request } from '../operation.ts'
import type { Reply } from '../../http/reply.ts'

export function headBucket({ disk, root }: S3Request): Reply {
  if (!root.check()) throw new Fault('DiskOffline')
  return {
    status: 200,
    fields: {
      'x-amz-bucket-region': disk.settings.region,
      'x-amz-access-point-alias': 'false',
      'Content-Type': 'application/xml',
    },
    body: null,
    length: 0,
  }
}
