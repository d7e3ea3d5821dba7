/** The routes of S3 users. */
import type { S3User } from '../../lib/disk.ts'
import { Fault } from '../../lib/errors.ts'
import { secretToShow } from '../../lib/users.ts'
import type { Desk, Handlers } from './desk.ts'
import type { UserSecret, UserView } from './schema.ts'

const userView = (user: S3User): UserView => ({
  type: 's3',
  identifier: user.accessKeyId,
  nickname: user.name,
  access: user.access,
  keyId: user.keyId,
  createdAt: user.createdAt,
})

const withSecret = (desk: Desk, user: S3User): UserSecret => ({
  ...userView(user),
  secretAccessKey: secretToShow(desk.keyring.keyring, user),
})

export const userRoutes: Pick<Handlers, 'listUsers' | 'addUser' | 'rotateUser' | 'revokeUser'> = {
  async listUsers(desk, _input, { id = '' }) {
    return desk.users.of(desk.disks.find(id).id).map(userView)
  },

  addUser: (desk, { nickname, access }, { id = '' }) =>
    desk.alone(async () => {
      const disk = desk.disks.find(id)
      const user = await desk.users.add(disk, nickname, access ?? 'ro', desk.keyring.keyring)
      await desk.publish()
      desk.log.info('user.added', {
        disk: disk.id,
        user: user.accessKeyId,
        name: user.name,
        access: user.access,
      })
      return withSecret(desk, user)
    }),

  rotateUser: (desk, { identifier }, { id = '' }) =>
    desk.alone(async () => {
      const disk = desk.disks.find(id)
      const old = desk.users.find(disk, identifier)
      const user = await desk.users.rotate(old, desk.keyring.keyring)
      await desk.publish()
      desk.log.info('user.rotated', { disk: disk.id, user: user.accessKeyId, was: old.accessKeyId })
      return withSecret(desk, user)
    }),

  revokeUser: (desk, { identifier }, { id = '', type = '' }) =>
    desk.alone(async () => {
      if (type !== 's3')
        throw new Fault('InvalidArgument', `there are no users of type "${type}", only of type "s3"`)
      const disk = desk.disks.find(id)
      const user = desk.users.find(disk, identifier)
      await desk.users.revoke(user)
      await desk.publish()
      desk.log.info('user.revoked', { disk: disk.id, user: user.accessKeyId, name: user.name })
      return null
    }),
}
