/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketVersioning.html: a disk was never versioned. */
import type { Reply } from '../../http/reply.ts'
import { xmlReply } from '../xml-reply.ts'
import { document } from '../xml.ts'

export function getBucketVersioning(): Reply {
  return xmlReply(document('VersioningConfiguration', ''))
}
