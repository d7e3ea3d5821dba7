/** The lines that `twofold up` and `twofold doctor` print for each client, pasted as they are. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { clientConfigs, environment, type ClientConfig } from '../../daemon/cli/client-configs.ts'
import { succeed } from './command.ts'
import { installJavaScript } from './install.ts'
import type { Report } from './report.ts'
import type { Setup } from './setup.ts'

/** What a test machine without a way to DuckDB's own host has to say instead of `INSTALL httpfs; LOAD httpfs;`. */
const duckdb = `
import duckdb, glob, os, sys, sysconfig
[httpfs] = glob.glob(os.path.join(sysconfig.get_paths()['purelib'], 'duckdb_extension_httpfs/extensions/*/*.duckdb_extension'))
db = duckdb.connect()
db.execute(f"LOAD '{httpfs}'")
for row in db.execute(sys.stdin.read().replace('INSTALL httpfs; LOAD httpfs;', '')).fetchall(): print(*row)
`

/** Lines that make a table of options say something. */
const afterwards: Readonly<Record<string, (bucket: string) => string>> = {
  'Polars, delta-rs': (bucket) =>
    `print(pl.scan_parquet('s3://${bucket}/lake/parquet/**/*.parquet', storage_options=options).collect().height)`,
}

/** Runs every printed configuration but the properties, which Hadoop's own test takes. */
export async function printed({ door, work, bin, env }: Setup, report: Report): Promise<void> {
  const pasted: NodeJS.ProcessEnv = { ...env, PATH: `${bin}:${env['PATH'] ?? ''}` }
  for (const name of Object.keys(pasted)) if (/^AWS_(?!CONFIG|SHARED|EC2)/.test(name)) delete pasted[name]
  // Where a bare import finds the SDK.
  const cwd = await installJavaScript()
  for (const config of clientConfigs.filter(({ kind }) => kind !== 'properties'))
    await report.check(`${config.client} as printed`, async () => {
      const file = join(work, 'pasted')
      const more = afterwards[config.client]?.(door.bucket) ?? ''
      writeFileSync(file, [...config.lines(door), more].join('\n'))
      const script = [...environment(door), interpreter(config, file)].join('\n')
      const { stdout } = await succeed('bash', ['-euc', script], { env: pasted, cwd })
      const want = more === '' ? 'linked/target/first.txt' : '24000'
      if (!stdout.includes(want)) throw new Error(`its output has no ${want}:\n${stdout.slice(0, 2000)}`)
    })
}

function interpreter({ kind }: ClientConfig, file: string): string {
  switch (kind) {
    case 'shell':
      return `. '${file}'`
    case 'python':
      return `python '${file}'`
    case 'sql':
      return `python -c '${duckdb.replaceAll("'", `'\\''`)}' < '${file}'`
    case 'javascript':
      return `'${process.execPath}' --input-type=module < '${file}'`
    case 'properties':
      throw new Error('nothing runs properties by themselves')
  }
}
