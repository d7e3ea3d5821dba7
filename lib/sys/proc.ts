/** What /proc says of processes, which come and go while we look: of one that is gone, or isn't ours to see, nothing. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

const quietly = <T>(look: () => T, otherwise: T): T => {
  try {
    return look()
  } catch {
    return otherwise
  }
}

/** A file's text, in latin1; '' for nothing. */
export const readProc = (file: string): string => quietly(() => readFileSync(file, 'latin1'), '')
/** The names in a directory. */
export const listProc = (directory: string): string[] => quietly(() => readdirSync(directory), [])
/** Where a link leads; '' for nothing. */
export const linkProc = (file: string): string => quietly(() => readlinkSync(file), '')
