/** Bucket names made from directory names. */
import { basename } from 'node:path'
import { parseAlias } from '../../lib/disk.ts'
import { Fault } from '../../lib/errors.ts'

export interface DerivedAlias {
  readonly alias: string | null
  /** Why it isn't the directory's own name, for people; null where it is. */
  readonly because: string | null
}

/**
 * A valid alias near to the directory's name, none of `taken`: "My Data" becomes my-data, and my-data-2 when
 * there is one already. Null where nothing is left of the name; the disk then goes by its id.
 */
export function aliasFor(directory: string, taken: ReadonlySet<string>): DerivedAlias {
  const typed = basename(directory)
  const quoted = JSON.stringify(typed)
  const { stem, because } = stemOf(typed, quoted)
  for (let n = 1; n < 1000; n++) {
    const alias = n === 1 ? stem : `${stem}-${n}`
    if (isAlias(alias) && !taken.has(alias)) {
      if (n === 1) return { alias, because }
      return {
        alias,
        because: taken.has(stem) ? `another disk is called ${stem}` : `${quoted} can't be a bucket's name`,
      }
    }
    if (n === 1 && !isAlias(alias) && !isAlias(`${stem}-2`)) break
  }
  return { alias: null, because: `no bucket's name can be made of ${quoted}` }
}

/** One sentence for who didn't choose the name; undefined where there is nothing to say. */
export const aliasNote = ({ because }: DerivedAlias, bucket: string): string | undefined =>
  because === null
    ? undefined
    : `The bucket is called ${bucket}, since ${because}; "twofold disk set ${bucket} --alias NAME" changes that.`

function stemOf(typed: string, quoted: string): { stem: string; because: string | null } {
  const name = typed
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, '-')
    .replace(/[.-]*\.[.-]*/g, '.')
    .replace(/^[.-]+|[.-]+$/g, '')
    .slice(0, 58)
    .replace(/[.-]+$/, '')
  if (name.length > 0 && name.length < 3)
    return { stem: `${name}-disk`, because: `${quoted} is too short: a bucket's name has 3 to 63 characters` }
  if (name === typed) return { stem: name, because: null }
  return { stem: name, because: `${quoted} is no bucket's name: those are of a-z, 0-9, "-" and "."` }
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
