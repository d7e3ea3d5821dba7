/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html: no upload is ever under way yet. */
import { Fault } from '../../../lib/errors.ts'
import type { S3Request } from '../operation.ts'

export function listParts({ query }: S3Request): never {
  throw new Fault('NoSuchUpload', undefined, { details: { UploadId: query.get('uploadId') ?? '' } })
}
