/** errno, by number and by name (asm-generic/errno.h; the numbers are those of the machine we run on). */
import { constants } from 'node:os'

export const errno = constants.errno as typeof constants.errno & Record<'ESTALE' | 'EDQUOT', number>

/** Linux has these and Node's table doesn't. */
export const ENOATTR = errno.ENODATA
export const EUCLEAN = 117

const names = new Map<number, string>(Object.entries(errno).map(([name, number]) => [number, name]))
names.set(EUCLEAN, 'EUCLEAN')

/** `ENOENT` for 2; `E999` for a number that no table has. */
export const errnoName = (number: number): string => names.get(number) ?? `E${number}`

/** What a system call said, for those who want it thrown. Looks like Node's own errors. */
export class SystemError extends Error {
  readonly errno: number
  readonly code: string
  readonly syscall: string

  constructor(number: number, syscall: string, path?: string | Uint8Array) {
    const code = errnoName(number)
    const where =
      path === undefined ? '' : ` '${typeof path === 'string' ? path : Buffer.from(path).toString()}'`
    super(`${code}: ${syscall}${where}`)
    this.name = 'SystemError'
    this.errno = number
    this.code = code
    this.syscall = syscall
  }
}

/** The errno of something thrown by Node or by us, or EIO where it has none. */
export function errnoOf(thrown: unknown): number {
  if (thrown instanceof Error && 'errno' in thrown && typeof thrown.errno === 'number') {
    return Math.abs(thrown.errno)
  }
  return errno.EIO
}
