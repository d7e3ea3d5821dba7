/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html */
import type { Reply } from '../../http/reply.ts'
import { openObject } from '../open-object.ts'
import type { S3Request } from '../operation.ts'
import { taggingDocument } from '../tagging-document.ts'
import { xmlReply } from '../xml-reply.ts'

export function getObjectTagging(request: S3Request): Reply {
  const object = openObject(request)
  try {
    return xmlReply(taggingDocument(object.tags))
  } finally {
    object.close()
  }
}
