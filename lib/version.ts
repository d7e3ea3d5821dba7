/** What package.json says of us. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where package.json is. Compiled, this file lies in dist/lib. */
export const packageDirectory = resolve(fileURLToPath(new URL('../..', import.meta.url)))

const manifest: unknown = JSON.parse(readFileSync(join(packageDirectory, 'package.json'), 'utf8'))

export const version: string =
  typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : '0'
