/** The routes of S3 users. */
import type { S3User } from '../../lib/disk.ts'
import { Fault } from '../../lib/errors.ts'
import { secretToShow } from '../../lib/users.ts'
import type { Daemon } from './daemon.ts'
import type { Handlers } from './handler.ts'
import type { UserSecret, UserView } from './schema.ts'

const userView = (user: S3User): UserView => ({
  type: 's3',
  identifier: user.accessKeyId,
  nickname: user.name,
  access: user.access,
  keyId: user.keyId,
  createdAt: user.createdAt,
})

const withSecret = (daemon: Daemon, user: S3User): UserSecret => ({
  ...userView(user),
  secretAccessKey: secretToShow(daemon.keyring.keyring, user),
})

export const userRoutes: Pick<Handlers, 'listUsers' | 'addUser' | 'rotateUser' | 'revokeUser'> = {
  async listUsers(daemon, { params: { id = '' } }) {
    return daemon.users.of(daemon.disks.find(id).id).map(userView)
  },

  addUser: (daemon, { input: { nickname, access }, params: { id = '' } }) =>
    daemon.alone(async () => {
      const disk = daemon.disks.find(id)
      const user = await daemon.users.add(disk, nickname, access ?? 'ro', daemon.keyring.keyring)
      await daemon.publish()
      daemon.log.info('user.added', {
        disk: disk.id,
        user: user.accessKeyId,
        name: user.name,
        access: user.access,
      })
      return withSecret(daemon, user)
    }),

  rotateUser: (daemon, { input: { identifier }, params: { id = '' } }) =>
    daemon.alone(async () => {
      const disk = daemon.disks.find(id)
      const old = daemon.users.find(disk, identifier)
      const user = await daemon.users.rotate(old, daemon.keyring.keyring)
      await daemon.publish()
      daemon.log.info('user.rotated', { disk: disk.id, user: user.accessKeyId, was: old.accessKeyId })
      return withSecret(daemon, user)
    }),

  revokeUser: (daemon, { input: { identifier }, params: { id = '', type = '' } }) =>
    daemon.alone(async () => {
      if (type !== 's3')
        throw new Fault('InvalidArgument', `there are no users of type "${type}", only of type "s3"`)
      const disk = daemon.disks.find(id)
      const user = daemon.users.find(disk, identifier)
      await daemon.users.revoke(user)
      await daemon.publish()
      daemon.log.info('user.revoked', { disk: disk.id, user: user.accessKeyId, name: user.name })
      return null
    }),
}
