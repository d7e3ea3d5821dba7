/** Who signed a request. One credential opens one disk, and the roster is asked at each request. */
import { Verifier } from '../../lib/auth/sigv4.ts'
import type { Roster, RosterUser } from '../../lib/roster.ts'

export const createVerifier = (roster: Roster): Verifier<RosterUser> =>
  new Verifier<RosterUser>({
    lookup: (accessKeyId) => roster.user(accessKeyId),
    secretOf: ({ secret }) => secret,
    regionOf: (user) => {
      const settings = roster.disk(user.diskId)?.settings
      return settings?.strictRegion === true ? settings.region : undefined
    },
  })
