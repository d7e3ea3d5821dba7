/** What package.json says of us. */
import { readFileSync } from 'node:fs'

/** Compiled, this file lies in dist/lib. */
const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

export const version: string =
  typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : '0'
