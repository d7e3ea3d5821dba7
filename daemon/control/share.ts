/** The route that makes share links. */
import { shareSeconds, signShare } from '../../lib/auth/share.ts'
import type { Handlers } from './handler.ts'

export const shareRoutes: Pick<Handlers, 'share'> = {
  async share(daemon, { input: { key: path, expiresIn = shareSeconds.default }, params: { id = '' } }) {
    const disk = daemon.disks.find(id)
    const key = await daemon.disks.existingFile(disk, path)
    const expires = Math.floor(Date.now() / 1000) + expiresIn
    const link = signShare(daemon.keyring.keyring, { diskId: disk.id, path: key, expires })
    // The link is a credential: it stays out of the log.
    daemon.log.info('share.made', { disk: disk.id, key, expires })
    return {
      url: `${daemon.endpoint}${link}`,
      expiresIn,
      expiresAt: new Date(expires * 1000).toISOString(),
    }
  },
}
