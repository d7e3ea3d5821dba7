/**
 * The control API at a glance: every route is a row, and what has no row does not exist. The CLI's client
 * is typed by the same table. docs/control-api.md is tested against it.
 */
import type { Sample } from '../metrics/catalogue.ts'
import * as schema from './schema.ts'
import type { Parse } from '../../lib/json-values.ts'

interface Row<Input, Answer> {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** `:id` is a disk's id or alias. */
  readonly path: string
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
    input: Parse<Input>,
    doc: string,
  ): Row<Input, Answer> => ({ method, path, input, doc })

export const routes = {
  status: row<schema.StatusView>()('GET', '/api/status', schema.none, 'Processes, disks and mounts.'),
  metrics: row<readonly Sample[]>()(
    'GET',
    '/api/metrics',
    schema.none,
    'All metrics as samples: name, labels and value.',
  ),

  listDisks: row<readonly schema.DiskView[]>()(
    'GET',
    '/api/disks',
    schema.listDisks,
    'Disks in the order of their making, a page at a time.',
  ),
  createDisk: row<schema.CreatedDisk>()(
    'POST',
    '/api/disks',
    schema.createDisk,
    'Makes a managed disk, or adopts the directory `root`.',
  ),
  showDisk: row<schema.DiskView>()('GET', '/api/disks/:id', schema.none, 'One disk.'),
  changeDisk: row<schema.DiskView>()(
    'PATCH',
    '/api/disks/:id',
    schema.changeDisk,
    "Changes what is given: alias, tags, settings; `root` binds an adopted disk's root anew.",
  ),
  removeDisk: row<null>()(
    'DELETE',
    '/api/disks/:id',
    schema.none,
    'Unmounts and forgets the disk and its users. The files of a managed disk go with it, those of an adopted one stay.',
  ),

  listUsers: row<readonly schema.UserView[]>()('GET', '/api/disks/:id/users', schema.none, 'Its S3 users.'),
  addUser: row<schema.UserSecret>()(
    'POST',
    '/api/disks/:id/users',
    schema.addUser,
    'A new S3 user. The secret is shown this once.',
  ),
  rotateUser: row<schema.UserSecret>()(
    'POST',
    '/api/disks/:id/users/s3/rotate',
    schema.whichUser,
    'A new access key for the user; the old one is dead when this answers.',
  ),
  revokeUser: row<null>()(
    'DELETE',
    '/api/disks/:id/users/:type',
    schema.whichUser,
    'The user is refused from the moment that this answers. `:type` is `s3`.',
  ),

  share: row<schema.ShareView>()(
    'POST',
    '/api/disks/:id/share',
    schema.share,
    'A signed URL for one file, which any browser opens until it expires.',
  ),

  mountDisk: row<schema.DiskView>()(
    'POST',
    '/api/disks/:id/mount',
    schema.mount,
    'Mounts the disk now and at every start; answers when the mount stands.',
  ),
  unmountDisk: row<schema.DiskView>()(
    'POST',
    '/api/disks/:id/unmount',
    schema.unmount,
    'Unmounts the disk, and keeps it so.',
  ),

  listKeys: row<readonly schema.KeyView[]>()(
    'GET',
    '/api/keys',
    schema.none,
    "The local keyring's keys, no secret.",
  ),
  rotateKey: row<schema.KeyView>()(
    'POST',
    '/api/keys',
    schema.none,
    'A new current key; what older ones signed stays valid until they are retired.',
  ),
  retireKey: row<null>()(
    'DELETE',
    '/api/keys/:id',
    schema.none,
    'Forgets a key that is not current. S3 users and links of it are dead when this answers.',
  ),
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
