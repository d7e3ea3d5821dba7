/** Why this process can't speak FUSE at all, whichever engine would. */
import { accessSync, constants, existsSync } from 'node:fs'

/** One line with the remedy, or null. fusermount opens the device as whoever calls it, so its mode counts for all. */
export function deviceRefusal(): string | null {
  if (!existsSync('/dev/fuse'))
    return '/dev/fuse is missing: load the kernel module "fuse" (in a container: --device /dev/fuse)'
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK)
    return null
  } catch {
    return '/dev/fuse is closed to this user: chmod 666 /dev/fuse, as udev does'
  }
}
