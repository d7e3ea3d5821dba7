/**
 * How each S3 client is pointed at a disk, ready to paste. `up` and `doctor` print from this table, and
 * `npm run test:clients` runs what they print. The credentials go through the environment, once for all of
 * them, so that they end up in no process list.
 */
import { shellQuote } from './shell-quote.ts'

export interface Access {
  /** `http://127.0.0.1:9010`, without a slash at the end. */
  readonly endpoint: string
  readonly bucket: string
  readonly region: string
  readonly accessKeyId: string
  /** Null where it can't be known any more: a placeholder stands in its place. */
  readonly secretAccessKey: string | null
}

export interface ClientConfig {
  readonly client: string
  /** What the lines are pasted into. */
  readonly kind: 'shell' | 'python' | 'javascript' | 'sql' | 'properties'
  /** Whether `up` shows it, where five lines of four clients are plenty. */
  readonly first?: true
  readonly lines: (access: Access) => readonly string[]
}

/** What stands for a secret that is shown no more. */
export const secretPlaceholder = 'THE-SECRET'

const secret = ({ secretAccessKey }: Access): string => secretAccessKey ?? secretPlaceholder
const host = ({ endpoint }: Access): string => new URL(endpoint).host
const isTls = ({ endpoint }: Access): boolean => endpoint.startsWith('https:')
/** A string of Python, JavaScript and, in single quotes, SQL; none of the values holds a quote or a backslash. */
const quote = (text: string): string => `'${text}'`

/** Pasted before any of the others. */
export const environment = (access: Access): readonly string[] => [
  `export AWS_ACCESS_KEY_ID=${shellQuote(access.accessKeyId)} AWS_SECRET_ACCESS_KEY=${shellQuote(secret(access))}`,
  `export AWS_REGION=${access.region} AWS_DEFAULT_REGION=${access.region} AWS_ENDPOINT_URL=${access.endpoint}`,
]

export const clientConfigs: readonly ClientConfig[] = [
  {
    client: 'aws cli',
    kind: 'shell',
    first: true,
    lines: ({ endpoint, bucket }) => [`aws --endpoint-url ${endpoint} s3 ls --recursive s3://${bucket}/`],
  },
  {
    client: 'rclone',
    kind: 'shell',
    first: true,
    // Other providers than "Other" make it ask for things that only they have.
    lines: ({ endpoint, bucket, region }) => [
      `rclone lsf -R ':s3,provider=Other,env_auth=true,region=${region},endpoint="${endpoint}":${bucket}'`,
    ],
  },
  {
    client: 'boto3',
    kind: 'python',
    first: true,
    lines: ({ endpoint, bucket }) => [
      'import boto3',
      `s3 = boto3.client('s3', endpoint_url=${quote(endpoint)})`,
      `for page in s3.get_paginator('list_objects_v2').paginate(Bucket=${quote(bucket)}):`,
      "    for item in page.get('Contents', []): print(item['Size'], item['Key'])",
      '',
    ],
  },
  {
    client: 'DuckDB',
    kind: 'sql',
    first: true,
    lines: (access) => [
      'INSTALL httpfs; LOAD httpfs;',
      `CREATE SECRET (TYPE s3, KEY_ID '${access.accessKeyId}', SECRET '${secret(access)}', REGION '${access.region}',`,
      `  ENDPOINT '${host(access)}', URL_STYLE 'path', USE_SSL ${String(isTls(access))});`,
      `SELECT * FROM glob('s3://${access.bucket}/**');`,
    ],
  },
  {
    client: 's5cmd',
    kind: 'shell',
    lines: ({ endpoint, bucket }) => [`s5cmd --endpoint-url ${endpoint} ls 's3://${bucket}/*'`],
  },
  {
    client: 's3cmd',
    kind: 'shell',
    // A bucket host without %(bucket)s makes it speak path style.
    lines: (access) => [
      `s3cmd${isTls(access) ? '' : ' --no-ssl'} --host=${host(access)} --host-bucket=${host(access)} --region=${access.region} ls -r s3://${access.bucket}/`,
    ],
  },
  {
    client: 'curl',
    kind: 'shell',
    lines: ({ endpoint, bucket, region }) => [
      `curl --aws-sigv4 'aws:amz:${region}:s3' --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' '${endpoint}/${bucket}?list-type=2'`,
    ],
  },
  {
    client: 'AWS SDK for JavaScript',
    kind: 'javascript',
    lines: ({ endpoint, bucket }) => [
      "import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'",
      `const s3 = new S3Client({ endpoint: ${quote(endpoint)}, forcePathStyle: true })`,
      `const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: ${quote(bucket)} }))`,
      'for (const { Size, Key } of Contents) console.log(Size, Key)',
    ],
  },
  {
    client: 'pyarrow',
    kind: 'python',
    lines: (access) => [
      'import pyarrow.fs',
      `s3 = pyarrow.fs.S3FileSystem(endpoint_override=${quote(host(access))}, scheme=${quote(isTls(access) ? 'https' : 'http')}, region=${quote(access.region)})`,
      `for info in s3.get_file_info(pyarrow.fs.FileSelector(${quote(access.bucket)}, recursive=True)): print(info.path)`,
    ],
  },
  {
    client: 'pandas with s3fs',
    kind: 'python',
    lines: ({ endpoint, bucket }) => [
      'import s3fs',
      `options = {'endpoint_url': ${quote(endpoint)}}  # pandas: pd.read_csv('s3://${bucket}/...', storage_options=options)`,
      `print(s3fs.S3FileSystem(**options).find(${quote(bucket)}))`,
    ],
  },
  {
    client: 'Polars, delta-rs',
    kind: 'python',
    lines: (access) => [
      'import polars as pl',
      `options = {'aws_endpoint_url': ${quote(access.endpoint)}, 'aws_region': ${quote(access.region)}, 'aws_allow_http': 'true'}`,
      `table = pl.scan_parquet('s3://${access.bucket}/**/*.parquet', storage_options=options)  # deltalake.DeltaTable takes them too`,
    ],
  },
  {
    client: 'Hadoop, Spark (S3A)',
    kind: 'properties',
    lines: (access) => [
      `fs.s3a.endpoint=${access.endpoint}`,
      `fs.s3a.endpoint.region=${access.region}`,
      'fs.s3a.path.style.access=true',
      `fs.s3a.connection.ssl.enabled=${String(isTls(access))}`,
      `fs.s3a.access.key=${access.accessKeyId}`,
      `fs.s3a.secret.key=${secret(access)}`,
    ],
  },
]
