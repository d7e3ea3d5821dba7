/** The layer rule: imports go one way (daemon → mount → lib), in no circle, and a package has one door. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

/** Compiled, this file lies in dist/test. */
const top = fileURLToPath(new URL('../..', import.meta.url))
const layers = ['lib', 'mount', 'daemon'] as const

interface Import {
  /** Relative to the repository. */
  readonly from: string
  /** A file relative to the repository, or a package's name, or `node:…`. */
  readonly to: string
  readonly isType: boolean
  /** Imported while the program runs. */
  readonly isLate: boolean
}

const sources = (directory: string): string[] =>
  readdirSync(join(top, directory)).flatMap((name) => {
    const path = join(directory, name)
    if (statSync(join(top, path)).isDirectory()) return sources(path)
    return name.endsWith('.ts') ? [path] : []
  })

const statement =
  /^(?:import|export)\s+(type\s)?(?:[^'"`;]*?\sfrom\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)|\brequire(?:\.resolve)?\(\s*['"]([^'"]+)['"]\s*\)/gm

function importsOf(file: string): Import[] {
  const text = readFileSync(join(top, file), 'utf8')
  return [...text.matchAll(statement)].map((match) => {
    const name = match[2] ?? match[3] ?? match[4] ?? ''
    const to = name.startsWith('.')
      ? relative(top, resolve(top, dirname(file), name))
      : isBuiltin(name)
        ? `node:${name.replace(/^node:/, '')}`
        : name
            .split('/')
            .slice(0, name.startsWith('@') ? 2 : 1)
            .join('/')
    return { from: file, to, isType: match[1] !== undefined, isLate: match[2] === undefined }
  })
}

const files = layers.flatMap(sources)
const imports = files.flatMap(importsOf)
const layerOf = (file: string) => layers.findIndex((layer) => file.startsWith(`${layer}/`))
const isPackage = (name: string) => layerOf(name) < 0 && !name.startsWith('node:')

t.test('imports go from daemon to mount to lib', async (t) => {
  t.ok(imports.length > 200, 'imports are found at all')
  t.same(
    imports.filter(({ from, to }) => layerOf(to) > layerOf(from)).map(({ from, to }) => `${from} → ${to}`),
    [],
  )
})

t.test('every relative import is a file of the three layers', async (t) => {
  const known = new Set(files)
  t.same(
    imports.filter(({ to }) => /\.ts$/.test(to) && !known.has(to)).map(({ from, to }) => `${from} → ${to}`),
    [],
  )
})

t.test('no import leads back to where it came from', async (t) => {
  const next = new Map<string, string[]>()
  // A type is gone before anything runs, and what is imported late finds all of it loaded: neither makes a circle.
  for (const { from, to } of imports.filter(({ isType, isLate }) => !isType && !isLate))
    next.set(from, [...(next.get(from) ?? []), to])
  const done = new Set<string>()
  const circles: string[] = []
  const walk = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      circles.push([...path.slice(path.indexOf(file)), file].join(' → '))
      return
    }
    if (done.has(file)) return
    for (const to of next.get(file) ?? []) walk(to, [...path, file])
    done.add(file)
  }
  for (const file of files) walk(file, [])
  t.same(circles, [])
})

/** Rooms of the daemon, and what each may not know of. Files that stand in daemon/ itself put the rooms together. */
const strangers: Readonly<Record<string, readonly string[]>> = {
  http: ['s3', 'pages', 'control', 'console', 'processes', 'cli'],
  s3: ['pages', 'control', 'console', 'cli'],
  pages: ['s3', 'control', 'console', 'processes', 'cli'],
  processes: ['http', 's3', 'pages', 'control', 'console', 'cli'],
  control: ['s3', 'pages', 'cli'],
  metrics: ['http', 's3', 'pages', 'control', 'console', 'processes', 'cli'],
}
const roomOf = (file: string): string => /^daemon\/([^/]+)\//.exec(file)?.[1] ?? ''

t.test('the wire knows no S3, S3 no pages, and supervision neither', async (t) => {
  for (const [room, unknown] of Object.entries(strangers)) {
    t.ok(
      files.some((file) => roomOf(file) === room),
      `there is a daemon/${room}`,
    )
    t.same(
      imports
        .filter(({ from, to }) => roomOf(from) === room && unknown.includes(roomOf(to)))
        .map(({ from, to }) => `${from} → ${to}`),
      [],
      `daemon/${room} imports none of ${unknown.join(', ')}`,
    )
  }
})

t.test("an operation sees none of Node's objects", async (t) => {
  t.same(
    imports
      .filter(({ from, to }) => from.startsWith('daemon/s3/') && /^node:(?:http|net|stream)/.test(to))
      .map(({ from, to }) => `${from} → ${to}`),
    [],
  )
})

t.test('a package is imported by one file', async (t) => {
  const importers = new Map<string, Set<string>>()
  for (const { from, to } of imports) {
    if (!isPackage(to)) continue
    importers.set(to, (importers.get(to) ?? new Set()).add(from))
  }
  for (const [name, found] of importers)
    t.equal(found.size, 1, `${name} has one importer`, { found: [...found] })
})

t.test('a package that is imported is a dependency, and the other way round', async (t) => {
  const manifest = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8')) as Record<string, object>
  const dependencies = Object.keys({ ...manifest['dependencies'], ...manifest['optionalDependencies'] })
  const used = new Set(imports.filter(({ to }) => isPackage(to)).map(({ to }) => to))
  t.same(
    [...used].filter((name) => !dependencies.includes(name)),
    [],
  )
  /** Nobody imports them yet. */
  const awaited = ['fast-xml-parser']
  t.same(
    dependencies.filter((name) => !used.has(name)),
    awaited,
  )
})

t.test('the environment is read by lib/config.ts alone', async (t) => {
  t.same(
    files.filter((file) => file !== 'lib/config.ts' && /process\.env\b/.test(code(file))),
    [],
  )
})

t.test("koffi's declarations live in lib/sys", async (t) => {
  t.same(
    imports.filter(({ from, to }) => to === 'koffi' && !from.startsWith('lib/sys/')).map(({ from }) => from),
    [],
  )
})

t.test('no file is named for being a mixture', async (t) => {
  t.same(
    files.filter((file) => /\/(utils?|helpers?|common|misc|index)\.ts$/.test(file)),
    [],
  )
})

/** A file's text without its comments. */
const code = (file: string) =>
  readFileSync(join(top, file), 'utf8').replace(/\/\*[^]*?\*\/|(?<=^|\s)\/\/.*$/gm, '')
