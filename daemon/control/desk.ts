/** What the routes work on. The control process makes one of it. */
import type { KeyringFile } from '../../lib/auth/keyring.ts'
import type { Config } from '../../lib/config.ts'
import type { DiskId } from '../../lib/disk.ts'
import type { Disks } from '../../lib/disks.ts'
import type { Log } from '../../lib/log.ts'
import type { Users } from '../../lib/users.ts'
import type { Gathered } from './gatherer.ts'
import type { MountBoard } from './mount-board.ts'
import type { ProcessView } from '../processes/process-view.ts'
import type { AnswerOf, InputOf, RouteName } from './routes.ts'

export interface Desk {
  readonly config: Config
  readonly log: Log
  readonly disks: Disks
  readonly users: Users
  readonly keyring: KeyringFile
  readonly mounts: MountBoard
  /** `host:port` of the S3 door. */
  readonly listen: string
  /** The URL that the S3 door is reached at, without a slash at its end. */
  readonly endpoint: string
  /** `host:port` where Prometheus finds /metrics, null for nowhere. */
  readonly metricsListen: string | null
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  processes(): readonly ProcessView[]
  /** The figures of workers and mounts, as far as they answer. */
  gather(): Promise<Gathered>
  /** Resolves when every worker serves by what is now. */
  publish(): Promise<void>
  /** Asks for the end of the disk's mount, which somebody who uses it keeps off unless it is forced. */
  unmount(diskId: DiskId, force: boolean): void
  /** Runs one change after the other. */
  alone<T>(change: () => Promise<T>): Promise<T>
}

/** The `:id` and `:type` of a route's path. */
export type Params = Readonly<Record<string, string>>

/** A page of a list, and where the next begins. */
export class Page<T> {
  readonly data: T
  readonly nextCursor: string | null

  constructor(data: T, nextCursor: string | null) {
    this.data = data
    this.nextCursor = nextCursor
  }
}

export type Handler<N extends RouteName> = (
  desk: Desk,
  input: InputOf<N>,
  params: Params,
) => Promise<AnswerOf<N> | Page<AnswerOf<N>>>

export type Handlers = { readonly [N in RouteName]: Handler<N> }
