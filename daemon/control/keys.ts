/** The routes of the local keyring. */
import type { Daemon } from './daemon.ts'
import type { Handlers } from './handler.ts'
import type { KeyView } from './schema.ts'

const keyViews = (daemon: Daemon): KeyView[] =>
  daemon.keyring.keyring.list().map((key) => ({
    id: key.id,
    current: key.current,
    createdAt: key.createdAt,
    users: daemon.users.list().filter((user) => user.keyId === key.id).length,
  }))

export const keyRoutes: Pick<Handlers, 'listKeys' | 'rotateKey' | 'retireKey'> = {
  async listKeys(daemon) {
    return keyViews(daemon)
  },

  rotateKey: (daemon) =>
    daemon.alone(async () => {
      const id = daemon.keyring.rotate()
      await daemon.publish()
      daemon.log.info('key.rotated', { key: id })
      const view = keyViews(daemon).find((key) => key.id === id)
      if (view === undefined) throw new Error('the new key is missing')
      return view
    }),

  retireKey: (daemon, { params: { id = '' } }) =>
    daemon.alone(async () => {
      daemon.keyring.retire(id)
      await daemon.publish()
      daemon.log.info('key.retired', { key: id })
      return null
    }),
}
