/**
 * Puts the clients on this machine, once per set of pins: Python's and Java's into a cache outside of the
 * repository, npm's beside their script. Nothing here touches the system.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { command, succeed } from './command.ts'

/** Where the scripts and pins lie: sources, since the compiler copies TypeScript only. */
export const sources = fileURLToPath(new URL('../../../test/clients/', import.meta.url))

const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'twofold-clients')

/** Why a machine can't run a client. */
export class Missing extends Error {}

/** The directory of what `pins` name, made by `make` on the first use; a half-made one is never taken for whole. */
async function cached(
  name: string,
  pins: string,
  make: (directory: string) => Promise<void>,
): Promise<string> {
  const key = createHash('sha256').update(pins).digest('hex').slice(0, 12)
  const directory = join(cache, `${name}-${key}`)
  if (existsSync(join(directory, '.complete'))) return directory
  console.log(`# installing the ${name} clients into ${directory}`)
  const started = performance.now()
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  await make(directory)
  mkdirSync(join(directory, '.complete'))
  console.log(`# installed in ${Math.round((performance.now() - started) / 1000)} s`)
  return directory
}

async function answers(program: string, args: readonly string[]): Promise<boolean> {
  return (await command(program, args, { env: process.env }).catch(() => undefined))?.status === 0
}

const install = { env: process.env, seconds: 540 }

/** An environment with every Python client; its `bin`. */
export async function installPython(): Promise<string> {
  const system = 'python3'
  const requirements = join(sources, 'python', 'requirements.txt')
  const directory = await cached('python', readFileSync(requirements, 'utf8'), async (to) => {
    if (!(await answers(system, ['-c', 'import sys, venv, ensurepip; assert sys.version_info >= (3, 11)'])))
      throw new Missing('no Python 3.11 with venv (Debian: python3-venv)')
    const uv = join(to, 'uv')
    await succeed(system, ['-m', 'venv', uv], install)
    await succeed(join(uv, 'bin', 'pip'), ['install', '--quiet', 'uv==0.13.9'], install)
    const program = join(uv, 'bin', 'uv')
    await succeed(program, ['venv', '--quiet', '--python', system, join(to, 'environment')], install)
    const interpreter = join(to, 'environment', 'bin', 'python')
    await succeed(
      program,
      ['pip', 'install', '--quiet', '--python', interpreter, '-r', requirements],
      install,
    )
  })
  return join(directory, 'environment', 'bin')
}

/** The npm clients, in `javascript/node_modules`; the directory of both. */
export async function installJavaScript(): Promise<string> {
  const directory = join(sources, 'javascript')
  const lock = join(directory, 'package-lock.json')
  const stamp = join(directory, 'node_modules', '.installed')
  const pins = createHash('sha256').update(readFileSync(lock)).digest('hex')
  if (existsSync(join(stamp, pins))) return directory
  console.log('# installing the JavaScript clients')
  await succeed('npm', ['ci', '--ignore-scripts', '--no-fund', '--no-audit'], { ...install, cwd: directory })
  mkdirSync(join(stamp, pins), { recursive: true })
  return directory
}

/** Hadoop's jars; their directory. */
export async function installJava(): Promise<string> {
  const pom = join(sources, 'java', 'pom.xml')
  return cached('java', readFileSync(pom, 'utf8'), async (to) => {
    if (!(await answers('javac', ['-version']))) throw new Missing('no JDK (Debian: default-jdk-headless)')
    if (!(await answers('mvn', ['--version']))) throw new Missing('no Maven (Debian: maven)')
    const half = `${to}.jars`
    rmSync(half, { recursive: true, force: true })
    const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies'
    await succeed('mvn', ['-q', '-B', '-f', pom, goal, `-DoutputDirectory=${half}`], install)
    rmSync(to, { recursive: true })
    renameSync(half, to)
  })
}
