/**
 * What the control API takes and gives. Names follow Archil's public control API where it has them
 * (`nickname`, `identifier`, `expiresIn`, `organization`), so that its published clients read our answers.
 */
import type { Config } from '../../lib/config.ts'
import type { DiskId, DiskSettings } from '../../lib/disk.ts'
import type { ProcessView } from '../processes/process-view.ts'
import { flag, list, nullable, object, oneOf, optional, tags, text, whole } from '../../lib/json-values.ts'

/** Some of a disk's settings, to be changed. */
export const someSettings = object({
  symlinks: optional(oneOf('inside', 'deny', 'follow')),
  /** Absolute paths of directories; of use with `symlinks: follow` alone. */
  followInto: optional(list(text(), 32)),
  symlinkDepth: optional(whole(0, 40)),
  region: optional(text(1, 64)),
  strictRegion: optional(flag),
  emptyDirectories: optional(oneOf('list', 'hide')),
  s3: optional(oneOf('ro', 'rw')),
  crossDevices: optional(flag),
})

export const none = object({})
export const page = object({
  limit: optional(whole(1, 1000)),
  cursor: optional(text()),
})
export const listDisks = object({
  limit: optional(whole(1, 1000)),
  cursor: optional(text()),
  /** The one disk of that alias or id. */
  name: optional(text()),
})
export const createDisk = object({
  /** The alias. */
  name: optional(nullable(text(1, 63))),
  /** An absolute path adopts that directory; without it the disk is managed. */
  root: optional(nullable(text())),
  tags: optional(tags),
  settings: optional(someSettings),
})
export const changeDisk = object({
  /** A new alias; null takes it away. */
  name: optional(nullable(text(1, 63))),
  /** Binds the disk to this directory, as when its file system has a new identity. Adopted disks only. */
  root: optional(text()),
  tags: optional(tags),
  settings: optional(someSettings),
})
export const addUser = object({
  type: optional(oneOf('s3')),
  /** Unique on the disk. */
  nickname: text(1, 64),
  access: optional(oneOf('ro', 'rw')),
})
export const whichUser = object({
  /** An access key id, or the user's name. */
  identifier: text(1, 128),
})
export const share = object({
  key: text(1, 1024),
  /** Seconds, 1 to 604800; 86400 when absent. */
  expiresIn: optional(whole(1, 604_800)),
})
export const mount = object({
  /** Absolute; beneath the configured directory of mounts when absent. */
  mountpoint: optional(nullable(text())),
  readOnly: optional(flag),
})
export const unmount = object({
  /** Detach it even while files are open. */
  force: optional(flag),
})

export const offline = object({
  /** Detach its mount even while files are open. */
  force: optional(flag),
})

export interface MountView {
  readonly state: 'mounting' | 'mounted' | 'failed' | 'unmounted'
  readonly mountpoint: string
  readonly readOnly: boolean
  /** Of a mount that stands. */
  readonly engine: string | null
  readonly passthrough: boolean | null
  /** Of a mount that stands: whether it answered within two seconds just now. null where it wasn't asked. */
  readonly answering: boolean | null
  /** Why it failed; it is tried again meanwhile. */
  readonly error: string | null
  /** Whatever else the engine says of the machine or the mount, one sentence each. */
  readonly notes: readonly string[]
}

export interface DiskView {
  readonly id: DiskId
  /** The bucket's name: the alias, or else the id. */
  readonly name: string
  readonly alias: string | null
  /** The account. */
  readonly organization: string
  readonly status: 'available' | 'offline'
  /** One sentence when offline. */
  readonly offlineReason: string | null
  readonly provider: 'twofold'
  readonly region: string
  readonly kind: 'managed' | 'adopted'
  readonly root: string
  readonly settings: DiskSettings
  readonly tags: Readonly<Record<string, string>>
  /** null when the disk is not to be mounted. */
  readonly mount: MountView | null
  /** RFC 3339, UTC. */
  readonly createdAt: string
}

/** Archil's clients read `diskId` and `authorizedUsers` and then ask for the disk. */
export interface CreatedDisk {
  readonly diskId: DiskId
  readonly authorizedUsers: readonly UserView[]
  readonly disk: DiskView
}

export interface UserView {
  readonly type: 's3'
  /** The access key id. */
  readonly identifier: string
  readonly nickname: string
  readonly access: 'ro' | 'rw'
  /** The key of the keyring that its secret derives from. */
  readonly keyId: string
  readonly createdAt: string
}

/** Shown when the user is made or rotated, and never again. */
export interface UserSecret extends UserView {
  readonly secretAccessKey: string
}

export interface ShareView {
  readonly url: string
  /** Seconds. */
  readonly expiresIn: number
  /** RFC 3339, UTC. */
  readonly expiresAt: string
}

export interface KeyView {
  readonly id: string
  readonly current: boolean
  readonly createdAt: string
  /** S3 users whose secrets derive from it; they stop working when it is retired. */
  readonly users: number
}

export interface StatusView {
  readonly version: string
  readonly node: string
  /** Seconds since the primary started. */
  readonly uptime: number
  readonly state: string
  readonly controlSocket: string
  readonly mounts: string
  /** `host:port` that the S3 door listens on. */
  readonly listen: string
  /** What links are built on and what clients are given. */
  readonly endpoint: string
  /** `host:port` where /metrics is, null where the configuration names none. */
  readonly metricsListen: string | null
  /** All that the daemon runs with, by setting name. */
  readonly settings: Config
  readonly processes: readonly ProcessView[]
  readonly disks: readonly DiskView[]
}
