/** The route that makes share links. */
import { shareSeconds, signShare } from '../../lib/auth/share.ts'
import type { Handlers } from './desk.ts'

export const shareRoutes: Pick<Handlers, 'share'> = {
  async share(desk, { key, expiresIn = shareSeconds.default }, { id = '' }) {
    const disk = desk.disks.find(id)
    const expires = Math.floor(Date.now() / 1000) + expiresIn
    const path = signShare(desk.keyring.keyring, { diskId: disk.id, path: key, expires })
    // The link is a credential: its path's signature stays out of the log.
    desk.log.info('share.made', { disk: disk.id, key, expires })
    return {
      url: `${desk.endpoint}${path}`,
      expiresIn,
      expiresAt: new Date(expires * 1000).toISOString(),
    }
  },
}
