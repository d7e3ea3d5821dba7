/** Bucket names made from directory names. */
import { basename } from 'node:path'
import { parseAlias } from '../../lib/disk.ts'
import { Fault } from '../../lib/errors.ts'

/**
 * A valid alias near to the directory's name, none of `taken`: "My Data" becomes my-data, and my-data-2 when
 * there is one already. Null where nothing is left of the name; the disk then goes by its id.
 */
export function aliasFor(directory: string, taken: ReadonlySet<string>): string | null {
  const name = basename(directory)
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, '-')
    .replace(/[.-]*\.[.-]*/g, '.')
    .replace(/^[.-]+|[.-]+$/g, '')
    .slice(0, 58)
    .replace(/[.-]+$/, '')
  const stem = name.length > 0 && name.length < 3 ? `${name}-disk` : name
  for (let n = 1; n < 1000; n++) {
    const alias = n === 1 ? stem : `${stem}-${n}`
    if (!taken.has(alias) && isAlias(alias)) return alias
    if (n === 1 && !isAlias(alias) && !isAlias(`${stem}-2`)) return null
  }
  return null
}

function isAlias(text: string): boolean {
  try {
    parseAlias(text)
    return true
  } catch (error) {
    if (error instanceof Fault) return false
    throw error
  }
}
