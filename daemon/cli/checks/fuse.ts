/** Whether this process can mount, and how well. */
import { accessSync, closeSync, constants, openSync, readFileSync, statSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import { surroundings } from '../../../lib/config.ts'
import { errnoName, errnoOf } from '../../../lib/sys/errno.ts'
import type { Finding } from './check.ts'

/** stat(2)'s S_ISUID. */
const setuid = 0o4000

/** What stands between us and a mount; undefined where nothing does. */
export function mountObstacle(): Finding | undefined {
  const about = 'FUSE'
  try {
    closeSync(openSync('/dev/fuse', constants.O_RDWR))
  } catch (error) {
    const name = errnoName(errnoOf(error))
    if (name === 'ENOENT')
      return {
        level: 'bad',
        about,
        says: 'there is no /dev/fuse, so nothing can be mounted; the S3 door works without it',
        remedy:
          '"modprobe fuse" as root; in a container, start it with --device /dev/fuse --cap-add SYS_ADMIN',
      }
    return {
      level: 'bad',
      about,
      says: `/dev/fuse can't be opened (${name}), so nothing can be mounted; the S3 door works without it`,
      remedy:
        'make it accessible ("chmod 666 /dev/fuse" as root); in a container, start it with --device /dev/fuse',
    }
  }
  if (hasSysAdmin()) return undefined
  if (fusermount() !== undefined) return undefined
  return {
    level: 'bad',
    about,
    says: 'fusermount is missing, which an ordinary user needs to mount; the S3 door works without it',
    remedy: 'install the package fuse3 ("sudo apt install fuse3"), or run as root',
  }
}

/** The mount helper of FUSE, with the rights that it needs. */
export function fusermount(): string | undefined {
  for (const directory of (surroundings().path ?? '').split(':').filter((one) => one !== ''))
    for (const name of ['fusermount3', 'fusermount']) {
      const file = join(directory, name)
      try {
        accessSync(file, constants.X_OK)
        if ((statSync(file).mode & setuid) !== 0) return file
      } catch {
        // The next directory may have it.
      }
    }
  return undefined
}

/** CAP_SYS_ADMIN (21) among the effective capabilities: mount(2) without help. */
export function hasSysAdmin(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  return (BigInt(`0x${effective}`) & (1n << 21n)) !== 0n
}

export function fuseFindings(): Finding[] {
  const obstacle = mountObstacle()
  if (obstacle !== undefined) return [obstacle]
  const how = hasSysAdmin() ? 'mount(2)' : `${fusermount()}`
  const kernel = release()
  const [major = 0, minor = 0] = kernel.split('.').map(Number)
  const fresh = major > 6 || (major === 6 && minor >= 9)
  return [
    {
      level: 'good',
      about: 'FUSE',
      says: `disks can be mounted, through ${how}`,
    },
    !fresh
      ? {
          level: 'note',
          about: 'passthrough',
          says: `Linux ${kernel} has none (6.9 has): reads and writes through the mount pass through the daemon`,
        }
      : hasSysAdmin()
        ? {
            level: 'good',
            about: 'passthrough',
            says: `Linux ${kernel} can read and write files directly`,
          }
        : {
            level: 'note',
            about: 'passthrough',
            says: 'wants root: reads and writes through the mount pass through the daemon',
          },
  ]
}
