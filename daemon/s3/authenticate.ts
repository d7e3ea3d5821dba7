/** Who signed a request. One credential opens one disk, and the roster is asked at each request. */
import { secretOf } from '../../lib/auth/credentials.ts'
import type { Keyring } from '../../lib/auth/keyring.ts'
import { Verifier } from '../../lib/auth/sigv4.ts'
import type { S3User } from '../../lib/disk.ts'
import type { Roster } from '../../lib/roster.ts'

/** `keyring` is asked anew when a user record, day or region is new: a retired key ends with its users' records. */
export const createVerifier = (roster: Roster, keyring: () => Keyring): Verifier<S3User> =>
  new Verifier<S3User>({
    lookup: (accessKeyId) => roster.user(accessKeyId),
    secretOf: (user) => secretOf(keyring(), user),
    regionOf: (user) => {
      const settings = roster.disk(user.diskId)?.settings
      return settings?.strictRegion === true ? settings.region : undefined
    },
  })
