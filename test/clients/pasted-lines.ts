/** What `up` and `doctor` print for people to paste, pasted: into a shell, Python, Node and DuckDB. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { clientConfigs, environment, type ClientConfig } from '../../daemon/cli/client-configs.ts'
import { succeed } from './command.ts'
import { installJavaScript } from './install.ts'
import type { Report } from './report.ts'
import type { Setup } from './setup.ts'

/** Its own script, since the shell that comes with DuckDB is another download, as is the extension. */
const throughDuckDb = (sql: string): string => `
import duckdb, glob, os, sysconfig
[httpfs] = glob.glob(os.path.join(sysconfig.get_paths()["purelib"], "duckdb_extension_httpfs/extensions/*/httpfs.duckdb_extension"))
pasted = ${JSON.stringify(sql)}
pasted = pasted.replace("INSTALL httpfs; LOAD httpfs;", f"LOAD '{httpfs}';")
print(duckdb.connect().execute(pasted).fetchall())
`

export async function pastedLines({ door, tree, work, bin, env }: Setup, report: Report): Promise<void> {
  // Nothing but what is pasted tells of the door.
  const {
    PATH,
    HOME,
    TMPDIR,
    LC_ALL,
    AWS_CONFIG_FILE,
    AWS_SHARED_CREDENTIALS_FILE,
    AWS_EC2_METADATA_DISABLED,
  } = env
  const bare = {
    PATH: `${bin}:${PATH}`,
    HOME,
    TMPDIR,
    LC_ALL,
    AWS_CONFIG_FILE,
    AWS_SHARED_CREDENTIALS_FILE,
    AWS_EC2_METADATA_DISABLED,
  }
  const once = environment(door).join('\n')
  const paste = (script: string) =>
    succeed('bash', ['-e', '-c', `${once}\n${script}`], { env: bare, cwd: work })

  const into: Record<ClientConfig['kind'], ((text: string) => Promise<string>) | undefined> = {
    shell: async (text) => (await paste(text)).stdout,
    python: async (text) => {
      writeFileSync(join(work, 'pasted.py'), text)
      return (await paste('python pasted.py')).stdout
    },
    sql: async (text) => {
      writeFileSync(join(work, 'pasted.py'), throughDuckDb(text))
      return (await paste('python pasted.py')).stdout
    },
    javascript: async (text) => {
      const script = join(await installJavaScript(), 'node_modules', 'pasted.mjs')
      writeFileSync(script, text)
      return (await paste(`${process.execPath} ${script}`)).stdout
    },
    // S3a.java sets the same properties one by one.
    properties: undefined,
  }
  const keys = [...tree.objects.keys()]
  for (const { client, kind, lines } of clientConfigs) {
    const run = into[kind]
    if (run === undefined) continue
    await report.check(`${client} lists the bucket`, async () => {
      const said = await run(lines(door).join('\n'))
      // Polars' lines only say where a table is; the others list.
      if (!client.startsWith('Polars') && !keys.some((key) => said.includes(key))) throw new Error(said)
    })
  }
}
