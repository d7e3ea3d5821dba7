/**
 * The control API at a glance: every route is a row, and what has no row does not exist. The CLI's client
 * is typed by the same table. docs/control-api.md is tested against it.
 */
import type { Sample } from '../metrics/catalogue.ts'
import type { Parse } from '../../lib/json-values.ts'
import type { Permission } from './caller.ts'
import * as schema from './schema.ts'

export interface Row<Input, Answer> {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly needs: Permission
  /**
   * What it is about. `disk`: the one that `:id` names, by id or alias. `disks`: those that the caller sees, which
   * the handler minds. `daemon`: all of it, so that who sees some disks alone is refused.
   */
  readonly on: 'daemon' | 'disks' | 'disk'
  /** What of its input reaches beyond the disk, and needs `admin` whatever `needs` says. */
  readonly admin?: { readonly for: string; readonly when: (input: Input) => boolean }
  /** Checks the JSON body, or of GET and DELETE the query. */
  readonly input: Parse<Input>
  readonly doc: string
  /** What `data` holds. Only a type. */
  readonly answer?: Answer
}

const row =
  <Answer>() =>
  <Input>(
    method: Row<Input, Answer>['method'],
    path: string,
    rest: Omit<Row<Input, Answer>, 'method' | 'path' | 'answer'>,
  ): Row<Input, Answer> => ({ method, path, ...rest })

export const routes = {
  status: row<schema.StatusView>()('GET', '/api/status', {
    needs: 'read',
    on: 'daemon',
    input: schema.none,
    doc: 'Processes, disks and mounts.',
  }),
  metrics: row<readonly Sample[]>()('GET', '/api/metrics', {
    needs: 'read',
    on: 'daemon',
    input: schema.none,
    doc: 'All metrics as samples: name, labels and value.',
  }),

  listDisks: row<readonly schema.DiskView[]>()('GET', '/api/disks', {
    needs: 'read',
    on: 'disks',
    input: schema.listDisks,
    doc: 'Disks in the order of their making, a page at a time.',
  }),
  createDisk: row<schema.CreatedDisk>()('POST', '/api/disks', {
    needs: 'admin',
    on: 'daemon',
    input: schema.createDisk,
    doc: 'Makes a managed disk, or adopts the directory `root`.',
  }),
  showDisk: row<schema.DiskView>()('GET', '/api/disks/:id', {
    needs: 'read',
    on: 'disk',
    input: schema.none,
    doc: 'One disk.',
  }),
  changeDisk: row<schema.DiskView>()('PATCH', '/api/disks/:id', {
    needs: 'disk',
    on: 'disk',
    admin: {
      for: '`root`, `symlinks: follow` or `followInto`',
      when: ({ root, settings }) =>
        root !== undefined || settings?.symlinks === 'follow' || settings?.followInto !== undefined,
    },
    input: schema.changeDisk,
    doc: "Changes what is given: alias, tags, settings; `root` binds an adopted disk's root anew.",
  }),
  removeDisk: row<null>()('DELETE', '/api/disks/:id', {
    needs: 'admin',
    on: 'disk',
    input: schema.none,
    doc: 'Unmounts and forgets the disk and its users. The files of a managed disk go with it, those of an adopted one stay.',
  }),

  offlineDisk: row<schema.DiskView>()('POST', '/api/disks/:id/offline', {
    needs: 'disk',
    on: 'disk',
    input: schema.offline,
    doc: 'Lets go of the root, so that its file system can be unmounted: unmounts the disk, ends what is being sent of it, and answers when nothing of it is held. It stays offline until it is put online.',
  }),
  onlineDisk: row<schema.DiskView>()('POST', '/api/disks/:id/online', {
    needs: 'disk',
    on: 'disk',
    input: schema.none,
    doc: 'Takes the root again, and mounts the disk where it was mounted.',
  }),

  listUsers: row<readonly schema.UserView[]>()('GET', '/api/disks/:id/users', {
    needs: 'read',
    on: 'disk',
    input: schema.none,
    doc: 'Its S3 users.',
  }),
  addUser: row<schema.UserSecret>()('POST', '/api/disks/:id/users', {
    needs: 'disk',
    on: 'disk',
    input: schema.addUser,
    doc: 'A new S3 user. The secret is shown this once.',
  }),
  rotateUser: row<schema.UserSecret>()('POST', '/api/disks/:id/users/s3/rotate', {
    needs: 'disk',
    on: 'disk',
    input: schema.whichUser,
    doc: 'A new access key for the user; the old one is dead when this answers.',
  }),
  revokeUser: row<null>()('DELETE', '/api/disks/:id/users/:type', {
    needs: 'disk',
    on: 'disk',
    input: schema.whichUser,
    doc: 'The user is refused from the moment that this answers. `:type` is `s3`.',
  }),

  share: row<schema.ShareView>()('POST', '/api/disks/:id/share', {
    needs: 'disk',
    on: 'disk',
    input: schema.share,
    doc: 'A signed URL for one file, which any browser opens until it expires.',
  }),

  mountDisk: row<schema.DiskView>()('POST', '/api/disks/:id/mount', {
    needs: 'disk',
    on: 'disk',
    admin: {
      for: '`mountpoint`',
      when: ({ mountpoint }) => mountpoint !== undefined && mountpoint !== null,
    },
    input: schema.mount,
    doc: 'Mounts the disk now and at every start; answers when the mount stands.',
  }),
  unmountDisk: row<schema.DiskView>()('POST', '/api/disks/:id/unmount', {
    needs: 'disk',
    on: 'disk',
    input: schema.unmount,
    doc: 'Unmounts the disk, and keeps it so.',
  }),

  listKeys: row<readonly schema.KeyView[]>()('GET', '/api/keys', {
    needs: 'read',
    on: 'daemon',
    input: schema.none,
    doc: "The local keyring's keys, no secret.",
  }),
  rotateKey: row<schema.KeyView>()('POST', '/api/keys', {
    needs: 'admin',
    on: 'daemon',
    input: schema.none,
    doc: 'A new current key; what older ones signed stays valid until they are retired.',
  }),
  retireKey: row<null>()('DELETE', '/api/keys/:id', {
    needs: 'admin',
    on: 'daemon',
    input: schema.none,
    doc: 'Forgets a key that is not current. S3 users and links of it are dead when this answers.',
  }),
} as const

export type RouteName = keyof typeof routes
/** What a route takes: its body, or its query. */
export type InputOf<N extends RouteName> = ReturnType<(typeof routes)[N]['input']>
/** What a route's `data` is. */
export type AnswerOf<N extends RouteName> = NonNullable<(typeof routes)[N]['answer']> | NullAnswer<N>
type NullAnswer<N extends RouteName> = null extends (typeof routes)[N]['answer'] ? null : never

/** `{success: true, data, nextCursor}`, or `{success: false, error, code, requestId}`. */
export type Envelope<T> =
  | { readonly success: true; readonly data: T; readonly nextCursor: string | null }
  | { readonly success: false; readonly error: string; readonly code: string; readonly requestId: string }
