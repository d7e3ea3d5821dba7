/** What a client's test is given: the door, what must be seen through it, and where its programs are. */
import { createHash } from 'node:crypto'
import { closeSync, lstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import type { ExpectedObject, Tree } from '../fixtures/tree.ts'

export interface ClientDoor {
  readonly endpoint: string
  readonly bucket: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export interface Setup {
  readonly door: ClientDoor
  readonly tree: Tree
  /** An empty directory of the client's own. */
  readonly work: string
  /** The objects as plain files at their keys: what a download of everything must equal. */
  readonly laidOut: string
  /** A JSON file with the door and the expected objects, for clients that are not TypeScript. */
  readonly file: string
  /** Where `installPython` put its programs. */
  readonly bin: string
  /** Where `installJava` put its jars. */
  readonly jars: string
  /** The environment of a person who has set up nothing but the keys. */
  readonly env: NodeJS.ProcessEnv
}

/** The MD5 of a file, hex, in 1 MiB reads. */
export function md5OfFile(path: string): string {
  const buffer = Buffer.allocUnsafe(1 << 20)
  const digest = createHash('md5')
  const descriptor = openSync(path, 'r')
  try {
    for (let read; (read = readSync(descriptor, buffer)) > 0;) digest.update(buffer.subarray(0, read))
  } finally {
    closeSync(descriptor)
  }
  return digest.digest('hex')
}

/** Regular files below `directory` by their path from it; links are neither followed nor named. */
export function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
}

/** Adds what lies under `prefix` in the root, as it is there, to what is expected of the bucket. */
export function expectWritten(tree: Tree, prefix: string): Tree {
  const objects = new Map<string, ExpectedObject>(tree.objects)
  for (const name of filesBelow(join(tree.root, prefix))) {
    const path = join(tree.root, prefix, name)
    objects.set(`${prefix}/${name}`, { size: lstatSync(path).size, md5: md5OfFile(path), path })
  }
  return { ...tree, objects }
}

/** Throws unless both name the same keys. */
export function sameKeys(got: readonly string[], want: readonly string[]): void {
  const [found, wanted] = [new Set(got), new Set(want)]
  const more = got.filter((key) => !wanted.has(key))
  const less = want.filter((key) => !found.has(key))
  if (more.length + less.length > 0 || got.length !== want.length)
    throw new Error(
      `${got.length} keys, not ${want.length}; unexpected ${JSON.stringify(more.slice(0, 20))}; missing ${JSON.stringify(less.slice(0, 20))}`,
    )
}

/** Throws unless `directory` holds the objects, byte for byte, and no other file. */
export function sameDirectory(tree: Tree, directory: string, prefix = ''): void {
  const want = [...tree.objects].filter(([key]) => key.startsWith(prefix))
  sameKeys(
    filesBelow(directory).map((name) => prefix + name),
    want.map(([key]) => key),
  )
  for (const [key, object] of want) {
    const got = md5OfFile(join(directory, key.slice(prefix.length)))
    if (got !== object.md5)
      throw new Error(`${JSON.stringify(key)} has other bytes: MD5 ${got}, not ${object.md5}`)
  }
}

/** Everything that a write through the bucket could change: names, kinds, sizes and times of the whole root. */
export function snapshot(root: string): ReadonlyMap<string, string> {
  // With types it does not follow links, of which one leads back up.
  const entries = readdirSync(root, { recursive: true, withFileTypes: true })
  const names = entries.map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
  return new Map(
    ['', ...names].map((name) => {
      const { mode, size, mtimeNs, ino } = lstatSync(join(root, name), { bigint: true })
      return [name, `inode ${ino}, mode ${mode.toString(8)}, ${size} bytes, ${mtimeNs} ns`]
    }),
  )
}

/** Throws unless the tree is as it was, with what has changed. */
export function sameSnapshot(got: ReadonlyMap<string, string>, want: ReadonlyMap<string, string>): void {
  const names = new Set([...got.keys(), ...want.keys()])
  const changed = [...names].filter((name) => got.get(name) !== want.get(name))
  const lines = changed.map((name) => `${JSON.stringify(name)}: was ${want.get(name)}; is ${got.get(name)}`)
  if (lines.length > 0) throw new Error(lines.join('\n'))
}
