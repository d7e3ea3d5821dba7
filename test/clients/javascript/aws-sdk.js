// AWS SDK for JavaScript v3: paginators, whole objects, ranges, presigned URLs, an upload that must be refused.
import { createHash } from 'node:crypto'
import { Agent } from 'node:http'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  paginateListObjectsV2,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import {
  check,
  door,
  expectedKeys,
  inParallel,
  objects,
  refused,
  same,
  sameBytes,
  sameKeys,
} from './check.js'

const Bucket = door.bucket
const s3 = new S3Client({
  endpoint: door.endpoint,
  region: door.region,
  credentials: { accessKeyId: door.accessKeyId, secretAccessKey: door.secretAccessKey },
  forcePathStyle: true,
  requestHandler: { httpAgent: new Agent({ keepAlive: true, maxSockets: 16 }) },
})

await check('ListObjectsV2 pages give every key in order', async () => {
  const keys = []
  for await (const page of paginateListObjectsV2({ client: s3, pageSize: 777 }, { Bucket }))
    keys.push(...(page.Contents ?? []).map((item) => item.Key))
  sameKeys(keys, expectedKeys())
})

await check('a delimiter gives the top directories', async () => {
  const prefixes = []
  for await (const page of paginateListObjectsV2({ client: s3 }, { Bucket, Delimiter: '/' }))
    prefixes.push(...(page.CommonPrefixes ?? []).map((item) => item.Prefix))
  const tops = expectedKeys().filter((key) => key.includes('/'))
  same(prefixes.sort(), [...new Set(tops.map((key) => key.split('/')[0] + '/'))].sort(), 'prefixes')
})

await check('GetObject gives every byte of every file', () =>
  inParallel(12, Object.keys(objects), async (Key) => {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }))
    const digest = createHash('md5')
    for await (const piece of Body) digest.update(piece)
    same(digest.digest('hex'), objects[Key].md5, Key)
  }),
)

await check('HeadObject says the size and type', async () => {
  const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'plain.txt' }))
  same(head.ContentLength, objects['plain.txt'].size, 'size')
  same(head.ContentType?.startsWith('text/plain'), true, 'type')
})

await check('a range with If-Match', async () => {
  const whole = await s3.send(new GetObjectCommand({ Bucket, Key: 'large/odd.bin' }))
  const bytes = Buffer.from(await whole.Body.transformToByteArray())
  const part = await s3.send(
    new GetObjectCommand({ Bucket, Key: 'large/odd.bin', Range: 'bytes=1000-1999', IfMatch: whole.ETag }),
  )
  same(part.ContentRange, `bytes 1000-1999/${bytes.length}`, 'Content-Range')
  same(Buffer.from(await part.Body.transformToByteArray()).equals(bytes.subarray(1000, 2000)), true, 'bytes')
})

await check('response overrides', async () => {
  const answer = await s3.send(
    new GetObjectCommand({ Bucket, Key: 'plain.txt', ResponseContentType: 'text/x-other' }),
  )
  await answer.Body.transformToString()
  same(answer.ContentType, 'text/x-other', 'type')
})

await check('a presigned URL opens without credentials', () =>
  inParallel(
    4,
    Object.keys(objects).filter((key) => /^(marks|unicode|spaces)\//.test(key)),
    async (Key) => {
      const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key }), { expiresIn: 600 })
      const response = await fetch(url)
      sameBytes(Key, Buffer.from(await response.arrayBuffer()))
    },
  ),
)

await check('ListBuckets names the one bucket', async () => {
  const { Buckets } = await s3.send(new ListBucketsCommand({}))
  same(
    Buckets.map((item) => item.Name),
    [Bucket],
    'buckets',
  )
})

await check('errors carry their code and the request id', async () => {
  const error = await s3.send(new GetObjectCommand({ Bucket, Key: 'nowhere' })).catch((thrown) => thrown)
  same(
    [error.name, error.$metadata.httpStatusCode, typeof error.$metadata.requestId],
    ['NoSuchKey', 404, 'string'],
    'error',
  )
})

await refused('PutObject is refused', () =>
  s3.send(new PutObjectCommand({ Bucket, Key: 'new.txt', Body: 'x' })),
)
await refused('DeleteObject is refused', () => s3.send(new DeleteObjectCommand({ Bucket, Key: 'plain.txt' })))
await refused('a multipart Upload is refused', () =>
  new Upload({ client: s3, params: { Bucket, Key: 'new.bin', Body: Buffer.alloc(6 << 20) } }).done(),
)
s3.destroy()
