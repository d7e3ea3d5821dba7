/** The clients, each with what it needs on the machine. */
import { join } from 'node:path'
import { awsCli } from './aws-cli.ts'
import { sources } from './install.ts'
import { printed } from './printed.ts'
import { rclone } from './rclone.ts'
import type { Report } from './report.ts'
import { s3cmd } from './s3cmd.ts'
import { s5cmd } from './s5cmd.ts'
import { runScript } from './script.ts'
import type { Setup } from './setup.ts'

export interface Client {
  readonly name: string
  readonly needs: 'python' | 'javascript' | 'java'
  run(setup: Setup, report: Report): Promise<void>
}

const python = (name: string, script: string): Client => ({
  name,
  needs: 'python',
  run: (setup, report) =>
    runScript(setup, report, join(setup.bin, 'python'), [join(sources, 'python', script)], {
      env: { PYTHONDONTWRITEBYTECODE: '1' },
    }),
})

const javascript = (name: string, script: string): Client => ({
  name,
  needs: 'javascript',
  run: (setup, report) =>
    runScript(setup, report, process.execPath, [join(sources, 'javascript', script)], {
      env: { NODE_OPTIONS: '--disable-warning=NodeVersionSupportWarning' },
    }),
})

export const clients: readonly Client[] = [
  javascript('AWS SDK for JavaScript', 'aws-sdk.js'),
  { name: 'aws cli', needs: 'python', run: awsCli },
  python('boto3', 'boto3_client.py'),
  { name: 'rclone', needs: 'python', run: rclone },
  { name: 's3cmd', needs: 'python', run: s3cmd },
  { name: 's5cmd', needs: 'python', run: s5cmd },
  python('DuckDB', 'duckdb_client.py'),
  python('pyarrow', 'pyarrow_client.py'),
  python('Polars', 'polars_client.py'),
  python('pandas with s3fs', 'pandas_client.py'),
  python('delta-rs', 'delta_client.py'),
  {
    name: 'Hadoop S3A',
    needs: 'java',
    run: (setup, report) =>
      runScript(setup, report, 'java', ['-cp', join(setup.jars, '*'), join(sources, 'java', 'S3a.java')]),
  },
  { name: 'printed configurations', needs: 'python', run: printed },
  python('minio, obstore, DataFusion, smart_open', 'object_stores.py'),
  javascript('minio, aws4fetch, hyparquet', 'small-clients.js'),
]
