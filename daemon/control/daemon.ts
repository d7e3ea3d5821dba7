/** The daemon as the control API sees it: what the routes work on. The control process makes one of it. */
import type { KeyringFile } from '../../lib/auth/keyring.ts'
import type { Config } from '../../lib/config.ts'
import type { DiskId } from '../../lib/disk.ts'
import type { Disks } from '../../lib/disks.ts'
import type { Log } from '../../lib/log.ts'
import type { Users } from '../../lib/users.ts'
import type { ProcessView } from '../processes/process-view.ts'
import type { CollectedFigures } from './collect-figures.ts'
import type { MountStates } from './mount-states.ts'

export interface Daemon {
  readonly config: Config
  readonly log: Log
  readonly disks: Disks
  readonly users: Users
  readonly keyring: KeyringFile
  /** Seconds since the epoch: share links of version 1 that expire later were never made. */
  readonly oldLinksUntil: number
  readonly mounts: MountStates
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
  collectFigures(): Promise<CollectedFigures>
  /** Resolves when every worker serves by what is now. */
  publish(): Promise<void>
  /** Asks for the end of the disk's mount, which somebody who uses it keeps off unless it is forced. */
  unmount(diskId: DiskId, force: boolean): void
  /** Runs one change after the other. */
  alone<T>(change: () => Promise<T>): Promise<T>
}
