// minio, aws4fetch and hyparquet: three more signers and readers.
import { AwsClient } from 'aws4fetch'
import { parquetReadObjects } from 'hyparquet'
import { Client } from 'minio'
import {
  check,
  door,
  expectedKeys,
  hasDataSets,
  inParallel,
  objects,
  refused,
  same,
  sameBytes,
  sameKeys,
} from './check.js'

const { hostname, port } = new URL(door.endpoint)
const minio = new Client({
  endPoint: hostname,
  port: Number(port),
  useSSL: false,
  region: door.region,
  accessKey: door.accessKeyId,
  secretKey: door.secretAccessKey,
})
const aws = new AwsClient({
  accessKeyId: door.accessKeyId,
  secretAccessKey: door.secretAccessKey,
  service: 's3',
  region: door.region,
  retries: 0,
})

async function listed(stream) {
  const keys = []
  for await (const item of stream) keys.push(item.name)
  return keys
}
await check('minio: listObjectsV2 gives every key in order', async () =>
  sameKeys(await listed(minio.listObjectsV2(door.bucket, '', true)), expectedKeys()),
)
await check('minio: listObjects gives every key in order', async () =>
  sameKeys(await listed(minio.listObjects(door.bucket, '', true)), expectedKeys()),
)
await check('minio: getObject gives every byte of awkwardly named files', () =>
  inParallel(
    4,
    Object.keys(objects).filter((key) => /^(marks|unicode|spaces|order)\//.test(key)),
    async (key) => {
      const pieces = []
      for await (const piece of await minio.getObject(door.bucket, key)) pieces.push(piece)
      sameBytes(key, Buffer.concat(pieces))
    },
  ),
)
await refused('minio: putObject is refused', () => minio.putObject(door.bucket, 'new.txt', 'x'))

const encoded = (key) => key.split('/').map(encodeURIComponent).join('/')
await check('aws4fetch: every byte of awkwardly named files', () =>
  inParallel(
    4,
    Object.keys(objects).filter((key) => /^(marks|unicode|spaces|order)\//.test(key)),
    async (key) => {
      const response = await aws.fetch(`${door.endpoint}/${door.bucket}/${encoded(key)}`)
      same(response.status, 200, key)
      sameBytes(key, Buffer.from(await response.arrayBuffer()))
    },
  ),
)
await check('aws4fetch: a PUT is refused', async () => {
  const response = await aws.fetch(`${door.endpoint}/${door.bucket}/new.txt`, { method: 'PUT', body: 'x' })
  same(response.status >= 400 && response.status < 500, true, `status ${response.status}`)
})

if (hasDataSets)
  await check('hyparquet: rows of a partitioned set, by ranges', async () => {
    const keys = Object.keys(objects).filter((key) => /^lake\/parquet\/.*\.parquet$/.test(key))
    let rows = 0
    for (const key of keys) {
      const url = `${door.endpoint}/${door.bucket}/${encoded(key)}`
      const file = {
        byteLength: objects[key].size,
        async slice(start, end = objects[key].size) {
          const response = await aws.fetch(url, { headers: { range: `bytes=${start}-${end - 1}` } })
          same(response.status, 206, 'status')
          return response.arrayBuffer()
        },
      }
      rows += (await parquetReadObjects({ file })).length
    }
    same(rows, 24_000, 'rows')
  })
