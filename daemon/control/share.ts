/** The route that makes share links. */
import { shareSeconds, signShare } from '../../lib/auth/share.ts'
import type { Disk } from '../../lib/disk.ts'
import { Fault } from '../../lib/errors.ts'
import { close } from '../../lib/sys/open.ts'
import { isFile } from '../../lib/sys/stat.ts'
import { parseKey, type Key } from '../../lib/tree/path.ts'
import { resolve } from '../../lib/tree/resolve.ts'
import { Root } from '../../lib/tree/root.ts'
import type { Handlers } from './handler.ts'

export const shareRoutes: Pick<Handlers, 'share'> = {
  async share(daemon, { input: { key: path, expiresIn = shareSeconds.default }, params: { id = '' } }) {
    const disk = daemon.disks.find(id)
    const offline = await daemon.disks.offline(disk)
    if (offline !== undefined) throw new Fault('DiskOffline', offline)
    const key = existingFile(disk, path)
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

/** The key of a file that is there now, so that a mistyped path is no dead link. Throws NoSuchKey, DiskOffline. */
function existingFile(disk: Disk, path: string): Key {
  const none = (why: string) => new Fault('NoSuchKey', `Disk "${disk.alias ?? disk.id}": "${path}" ${why}.`)
  const key = parseKey(path)
  if (key === undefined) throw none('is no key of a file')
  const root = Root.open(disk)
  try {
    const opened = resolve(root, key)
    if (typeof opened === 'string') {
      if (opened !== 'NoSuchKey') throw new Fault(opened)
      throw none(isDirectory(root, path) ? 'is a directory, and a link opens one file' : 'is no file there')
    }
    close(opened.fd)
    if (!isFile(opened.stat)) throw none('is no file: a link opens one file')
    return key
  } finally {
    root.close()
  }
}

function isDirectory(root: Root, path: string): boolean {
  const key = parseKey(path.endsWith('/') ? path : `${path}/`)
  const opened = key === undefined ? 'NoSuchKey' : resolve(root, key)
  if (typeof opened === 'string') return false
  close(opened.fd)
  return true
}
