/** `.twofold`, which the mount shows at no level: it isn't found, isn't listed and can't be made. */
import { isReservedIn, mayBeginReserved } from '../../lib/tree/reserved-name.ts'

const hidden = Buffer.from('.twofold\0')

/** Whether `name`, which ends in a NUL, stands for it in the directory behind `fd`, be it in another case. */
export function isHidden(fd: number, name: Uint8Array): boolean {
  if (!mayBeHidden(name[0] ?? 0)) return false
  if (name.length === hidden.length && hidden.equals(name)) return true
  return isReservedIn(fd, Buffer.from(name.subarray(0, -1)).toString())
}

/** Whether a name that begins with this byte need be asked about, for those who look at many. */
export const mayBeHidden = mayBeginReserved
