/** The routes of the local keyring. */
import type { Desk, Handlers } from './desk.ts'
import type { KeyView } from './schema.ts'

const keyViews = (desk: Desk): KeyView[] =>
  desk.keyring.keyring.list().map((key) => ({
    id: key.id,
    current: key.current,
    createdAt: key.createdAt,
    users: desk.users.list().filter((user) => user.keyId === key.id).length,
  }))

export const keyRoutes: Pick<Handlers, 'listKeys' | 'rotateKey' | 'retireKey'> = {
  async listKeys(desk) {
    return keyViews(desk)
  },

  rotateKey: (desk) =>
    desk.alone(async () => {
      const id = desk.keyring.rotate()
      await desk.publish()
      desk.log.info('key.rotated', { key: id })
      const view = keyViews(desk).find((key) => key.id === id)
      if (view === undefined) throw new Error('the new key is missing')
      return view
    }),

  retireKey: (desk, _input, { id = '' }) =>
    desk.alone(async () => {
      desk.keyring.retire(id)
      await desk.publish()
      desk.log.info('key.retired', { key: id })
      return null
    }),
}
