/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketVersioning.html: a disk was never versioned. */
import { xmlReply, type Reply } from '../reply.ts'
import { document } from '../xml.ts'

export function getBucketVersioning(): Reply {
  return xmlReply(document('VersioningConfiguration', ''))
}
