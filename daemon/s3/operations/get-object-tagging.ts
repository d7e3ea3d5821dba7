/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html: nothing sets tags yet. */
import { close } from '../../../lib/sys/open.ts'
import { openObject } from '../open-object.ts'
import type { S3Request } from '../operation.ts'
import type { Reply } from '../../http/reply.ts'
import { xmlReply } from '../xml-reply.ts'
import { document } from '../xml.ts'

export function getObjectTagging(request: S3Request): Reply {
  close(openObject(request).fd)
  return xmlReply(document('Tagging', '<TagSet></TagSet>'))
}
