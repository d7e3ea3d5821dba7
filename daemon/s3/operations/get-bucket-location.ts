/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html */
import type { S3Request } from '../operation.ts'
import type { Reply } from '../../http/reply.ts'
import { xmlReply } from '../xml-reply.ts'
import { document, escapeXml } from '../xml.ts'

export function getBucketLocation({ disk }: S3Request): Reply {
  const { region } = disk.settings
  // us-east-1 is the one region that has no constraint.
  return xmlReply(document('LocationConstraint', region === 'us-east-1' ? '' : escapeXml(region)))
}
