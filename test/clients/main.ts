/**
 * `npm run test:clients [-- NAME...]`: real S3 clients, unmodified, against a real daemon that serves a tree of
 * awkward names. Each reads everything and compares it with the tree, then tries to write and must fail, with
 * the tree as it was. NAME picks the clients whose names contain it. With TWOFOLD_REQUIRE_ALL set, what this
 * machine can't run is a failure.
 */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { clientConfigs } from '../../daemon/cli/client-configs.ts'
import { startDaemon, type Daemon } from '../fixtures/daemon.ts'
import { buildTree, layOut, type Tree } from '../fixtures/tree.ts'
import { clients, type Client } from './catalogue.ts'
import { succeed } from './command.ts'
import { installJava, installJavaScript, installPython, Missing, sources } from './install.ts'
import { Report } from './report.ts'
import { expectWritten, sameSnapshot, snapshot, type ClientDoor, type Setup } from './setup.ts'

const requireAll = process.env['TWOFOLD_REQUIRE_ALL'] !== undefined
const wanted = process.argv.slice(2)
const chosen = clients.filter(
  ({ name }) => wanted.length === 0 || wanted.some((part) => name.toLowerCase().includes(part.toLowerCase())),
)
const reports: Report[] = []
const report = (name: string): Report => {
  const made = new Report(name)
  reports.push(made)
  return made
}

/** What an installation gave, or why there is none. */
type Installed = { readonly at: string } | { readonly missing: string }

async function attempted(install: () => Promise<string>): Promise<Installed> {
  try {
    return { at: await install() }
  } catch (error) {
    if (error instanceof Missing) return { missing: error.message }
    return { missing: `the installation failed: ${error instanceof Error ? error.message : String(error)}` }
  }
}

/** The data sets, written through the mount; on the host's side where there is none. */
async function writeLake(tree: Tree, daemon: Daemon, python: Installed): Promise<Tree> {
  const about = report('data sets')
  if ('missing' in python) return tree
  const through = daemon.mountpoint ?? tree.root
  await about.check('Parquet, CSV and Delta are written', async () => {
    const script = join(sources, 'python', 'lake.py')
    await succeed(join(python.at, 'python'), [script, join(through, 'lake')], { env: process.env })
  })
  if (daemon.mountpoint === null) unavailable(about, 'no mount: they were written on the host')
  return expectWritten(tree, 'lake')
}

function unavailable(about: Report, reason: string): void {
  if (requireAll) about.notOk('runs here', reason)
  else about.skip(reason)
}

/** What a person has who set up nothing but the keys: no profile, no proxy, no certificate bundle. */
function environment(door: ClientDoor, home: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HOME: home,
    TMPDIR: home,
    LC_ALL: 'C.UTF-8',
    JAVA_HOME: process.env['JAVA_HOME'],
    AWS_ENDPOINT_URL: door.endpoint,
    AWS_REGION: door.region,
    AWS_DEFAULT_REGION: door.region,
    AWS_ACCESS_KEY_ID: door.accessKeyId,
    AWS_SECRET_ACCESS_KEY: door.secretAccessKey,
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
  }
}

async function tryClient(client: Client, directory: string, setup: Omit<Setup, 'work' | 'file' | 'env'>) {
  const about = report(client.name)
  const work = join(directory, 'work')
  mkdirSync(work)
  const file = join(directory, 'setup.json')
  const { door, tree } = setup
  writeFileSync(
    file,
    JSON.stringify({
      door,
      objects: Object.fromEntries(tree.objects),
      markers: [...tree.markers],
      work,
      // Python writes them.
      hasDataSets: setup.bin !== '',
      // As `twofold doctor` prints them.
      properties: clientConfigs
        .filter(({ kind }) => kind === 'properties')
        .flatMap(({ lines }) => lines(door)),
    }),
  )
  const before = snapshot(tree.root)
  const started = performance.now()
  try {
    await client.run({ ...setup, work, file, env: environment(door, work) }, about)
  } catch (error) {
    about.notOk('runs to its end', error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
  await about.check('leaves the tree as it was', () => {
    sameSnapshot(snapshot(tree.root), before)
  })
  rmSync(work, { recursive: true })
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(`# ${client.name}: ${about.passed} passed, ${about.failed} failed in ${seconds} s`)
}

async function run(directory: string): Promise<void> {
  const needs = new Set(chosen.map((client) => client.needs))
  // Python writes the data sets for all.
  const python = await attempted(installPython)
  const javascript: Installed = needs.has('javascript') ? await attempted(installJavaScript) : { missing: '' }
  const java: Installed = needs.has('java') ? await attempted(installJava) : { missing: '' }
  const installed = { python, javascript, java }

  const built = buildTree(directory)
  const daemon = await startDaemon(built.root, { state: join(directory, 'state') })
  try {
    const { endpoint, bucket, region, accessKeyId, secretAccessKey } = daemon
    if (secretAccessKey === null) throw new Error('a first start shows the secret')
    const door = { endpoint, bucket, region, accessKeyId, secretAccessKey }
    const tree = await writeLake(built, daemon, python)
    const laidOut = join(directory, 'laid-out')
    layOut(tree, laidOut)
    console.log(
      `# ${tree.objects.size} files and ${tree.markers.size} empty directories at ${endpoint}/${bucket}`,
    )
    const bin = 'at' in python ? python.at : ''
    const jars = 'at' in java ? java.at : ''
    for (const client of chosen) {
      const got = installed[client.needs]
      if ('missing' in got) unavailable(report(client.name), got.missing)
      else await tryClient(client, directory, { door, tree, laidOut, bin, jars })
    }
  } finally {
    await daemon.stop()
  }
}

const directory = realpathSync(mkdtempSync(join(tmpdir(), 'twofold-clients-')))
try {
  await run(directory)
} catch (error) {
  report('suite').notOk(
    'runs to its end',
    error instanceof Error ? (error.stack ?? error.message) : String(error),
  )
} finally {
  rmSync(directory, { recursive: true, force: true })
}
const sum = (field: 'passed' | 'failed' | 'skipped') => reports.reduce((all, one) => all + one[field], 0)
console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`)
process.exitCode = sum('failed') > 0 ? 1 : 0
