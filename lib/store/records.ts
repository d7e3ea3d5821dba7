/**
 * The one table of what the store holds. Each kind of record has a prefix for its keys, the key of a record,
 * and a parser, so that nothing comes out of the store unchecked. The parsers take what an older version
 * wrote: a member that came later has a default here.
 */
import {
  defaultSettings,
  parseAlias,
  parseDiskId,
  type Disk,
  type DiskId,
  type DiskSettings,
  type RootIdentity,
  type S3User,
} from '../disk.ts'
import {
  brand,
  flag,
  list,
  nullable,
  object,
  oneOf,
  optional,
  tags,
  text,
  whole,
  withDefault,
  type Parse,
} from '../json-values.ts'

/** Raised when older programs could no longer read what we write. */
export const schemaVersion = 1

const diskId: Parse<DiskId> = brand(parseDiskId, 'the id of a disk')
const time = brand((value) => (Number.isNaN(Date.parse(value)) ? undefined : value), 'a time of RFC 3339')
const absolute = brand((value) => (/^\/[^\0]*$/.test(value) ? value : undefined), 'an absolute path')

export const settings: Parse<DiskSettings> = object({
  symlinks: withDefault(oneOf('inside', 'deny', 'follow'), defaultSettings.symlinks),
  followInto: withDefault(list(absolute, 32), defaultSettings.followInto),
  symlinkDepth: withDefault(whole(0, 40), defaultSettings.symlinkDepth),
  region: withDefault(text(1, 64), defaultSettings.region),
  strictRegion: withDefault(flag, defaultSettings.strictRegion),
  emptyDirectories: withDefault(oneOf('list', 'hide'), defaultSettings.emptyDirectories),
  s3: withDefault(oneOf('ro', 'rw'), defaultSettings.s3),
  crossDevices: withDefault(flag, defaultSettings.crossDevices),
})

const identityShape = object({ fileSystem: text(), ino: text(), handle: optional(text()) })
const identity: Parse<RootIdentity> = (value, where) => {
  const { handle, ...rest } = identityShape(value, where)
  return handle === undefined ? rest : { ...rest, handle }
}

const disk: Parse<Disk> = object({
  id: diskId,
  alias: nullable(brand(parseAlias, 'an alias')),
  account: text(),
  kind: oneOf('managed', 'adopted'),
  root: absolute,
  identity,
  settings,
  tags,
  mountpoint: nullable(absolute),
  mountMade: withDefault(nullable(absolute), null),
  mountReadOnly: flag,
  letGo: withDefault(flag, false),
  createdAt: time,
})

const user: Parse<S3User> = object({
  accessKeyId: text(1, 128),
  diskId,
  name: text(1, 128),
  access: oneOf('ro', 'rw'),
  keyId: text(),
  createdAt: time,
})

/** When this state first had something that older ones hadn't. */
export interface Milestone {
  readonly name: 'signed links'
  readonly at: string
}
const milestone: Parse<Milestone> = object({ name: oneOf('signed links'), at: time })

interface Table<R> {
  readonly prefix: string
  readonly keyOf: (record: R) => string
  readonly parse: Parse<R>
}
const table = <R>(row: Table<R>): Table<R> => row

export const tables = {
  disks: table<Disk>({ prefix: 'disk', keyOf: (record) => record.id, parse: disk }),
  users: table<S3User>({ prefix: 'user', keyOf: (record) => record.accessKeyId, parse: user }),
  milestones: table<Milestone>({ prefix: 'milestone', keyOf: (record) => record.name, parse: milestone }),
} as const

export type TableName = keyof typeof tables
export type RecordOf<N extends TableName> = ReturnType<(typeof tables)[N]['parse']>
