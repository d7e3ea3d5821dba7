/**
 * What the processes say to each other over Node's IPC. The primary is at the middle of all of it: control
 * tells it what the doors need to know and which mounts are wanted, it tells workers and mounts, and it keeps
 * the last of both for those that it starts while control is away.
 *
 * All of it is JSON: no bigint, no bytes, no Map.
 */
import type { Config } from '../../lib/config.ts'
import type { Disk, DiskId } from '../../lib/disk.ts'
import type { FaultCode } from '../../lib/errors.ts'
import type { DoorKeysRecord } from '../../lib/auth/door-keys.ts'
import type { RosterRecord } from '../../lib/roster.ts'
import type { MountIdentity } from '../../lib/standing-mount.ts'
import type { MountStatistics } from '../../mount/engine.ts'
import type { S3Figures } from '../metrics/tally.ts'
import type { ChangeRecord } from './change-record.ts'
import type { ProcessName, ProcessView } from './process-view.ts'

/** All that a door serves by. Replaced whole. */
export interface DoorRecord {
  /** Grows with each publication of one run of control, and from run to run. */
  readonly version: number
  readonly roster: RosterRecord
  readonly keys: DoorKeysRecord
}

/** A mount that should stand. Another value for a disk means: unmount, and mount again. */
export interface MountRecord {
  readonly disk: Disk
  /** Canonical and absolute. */
  readonly mountpoint: string
  readonly readOnly: boolean
  readonly engine: Config['engine']
  readonly allowOther: Config['allowOther']
}

/** How a mount process stands, as it says itself or as the primary saw it end. */
export type MountReport =
  | { readonly state: 'mounting' | 'unmounted' }
  | {
      readonly state: 'mounted'
      /** Who the mount is, wherever others move its mount point. */
      readonly mount: MountIdentity
      readonly engine: string
      readonly passthrough: boolean
      readonly notes: readonly string[]
    }
  | { readonly state: 'failed'; readonly error: string }
  /** Asked to unmount, and refused: somebody uses it. It stands as before. */
  | {
      readonly state: 'busy'
      /** Who uses it, as far as it can be seen: `bash (4711): /mnt/photos/in`. */
      readonly users: readonly string[]
      /** One sentence where it is something else that keeps it. */
      readonly why?: string | undefined
    }

/** Asks a child for its figures, to be answered by `measured` with the same number. */
type Measure = { readonly type: 'measure'; readonly question: number }
type Measured<Figures> = { readonly type: 'measured'; readonly question: number; readonly figures: Figures }

/** A row of the table of questions (questions.ts), and what is asked as JSON, which control alone reads. */
type Ask = { readonly type: 'ask'; readonly id: string; readonly name: string; readonly question: string }
/** What became of a worker's question: what its row promises, or a Fault for whoever the worker answers. */
export type Answer =
  { readonly value: unknown } | { readonly fault: { readonly code: FaultCode; readonly message: string } }

/** Whether a child's main thread goes on: `line.ts` answers it, whatever the child does. One is open at a time. */
export type Ping = { readonly type: 'ping'; readonly number: number }
export type Pong = { readonly type: 'pong'; readonly number: number }

/** What every child hears first: how the daemon is configured, and what it is to do. */
export type Start = { readonly type: 'start'; readonly config: Config }
/** What every child hears last. */
export type Stop = {
  readonly type: 'stop'
  /** Milliseconds for what is running to end. A mount that is busy after that leaves the tree all the same. */
  readonly drain: number
}

export type ToControl =
  | (Start & {
      /** Where the S3 door listens, its port filled in. */
      readonly listen: Config['listen']
      /** When the primary started, milliseconds since the epoch. */
      readonly startedAt: number
    })
  /** Every worker and mount serves by this version or by a later one. */
  | { readonly type: 'published'; readonly version: number }
  | { readonly type: 'mount'; readonly diskId: DiskId; readonly report: MountReport }
  | { readonly type: 'processes'; readonly processes: readonly ProcessView[] }
  /** The primary has asked these processes; each answer follows as it comes. */
  | { readonly type: 'asked'; readonly question: number; readonly processes: readonly ProcessName[] }
  | (Measured<S3Figures> & { readonly of: 'worker'; readonly process: ProcessName })
  | (Measured<MountStatistics> & {
      readonly of: 'mount'
      readonly process: ProcessName
      readonly diskId: DiskId
    })
  /** A worker asks: to be answered by `answer` with the same id, and never ignored. */
  | (Ask & { readonly from: ProcessName })
  | Stop

/** It can't do its work, and another start would not help: it exits next. */
export type Failed = { readonly type: 'failed'; readonly code: FaultCode; readonly message: string }

export type FromControl =
  | { readonly type: 'ready' }
  | Failed
  | { readonly type: 'publish'; readonly doors: DoorRecord; readonly mounts: readonly MountRecord[] }
  /**
   * Ends the mount unless somebody uses it, or in any case when it is forced: answered by a report, `unmounted`
   * or `busy`. A mount that a publication leaves out ends in any case.
   */
  | { readonly type: 'unmount'; readonly diskId: DiskId; readonly force: boolean }
  | Measure
  | { readonly type: 'answer'; readonly to: ProcessName; readonly id: string; readonly answer: Answer }

export type ToWorker =
  | (Start & {
      readonly doors: DoorRecord
      readonly listen: Config['listen']
      /** Disks that are to be passed on to their own processes, whatever their records say. */
      readonly suspects?: readonly DiskId[]
      /** It is this disk's own process, which serves what workers pass on. */
      readonly only?: DiskId
    })
  | { readonly type: 'doors'; readonly doors: DoorRecord }
  | Measure
  | { readonly type: 'answer'; readonly id: string; readonly answer: Answer }
  /** Every mount's kernel knows of these changes, or its mount doesn't answer. */
  | { readonly type: 'told'; readonly id: string }
  /** Whether the disk has a process that requests may be passed on to. */
  | { readonly type: 'reached'; readonly id: string; readonly isThere: boolean }
  /** These disks, all of them, are to be passed on from now on, whatever their records say. */
  | { readonly type: 'suspects'; readonly disks: readonly DiskId[] }
  /** Accept no more connections, and exit when the last one has ended; `retired` answers the first half. */
  | { readonly type: 'retire' }
  | Stop

export type FromWorker =
  | { readonly type: 'ready' }
  | Failed
  /** From now on no request is answered by an older version. */
  | { readonly type: 'applied'; readonly version: number }
  | Measured<S3Figures>
  | Ask
  /** It changed the tree: `told` answers it when the kernels behind the mounts have been. */
  | { readonly type: 'changed'; readonly id: string; readonly changes: readonly ChangeRecord[] }
  /** Requests for this disk are to be passed on: `reached` answers it. */
  | { readonly type: 'reach'; readonly id: string; readonly diskId: DiskId }
  /** No connection that begins from now on comes to it. */
  | { readonly type: 'retired' }
  /** The disk's root is there, and its domain keeps it from reading it: the domain was made before the root came. */
  | { readonly type: 'refused'; readonly diskId: DiskId }

export type ToMount =
  | (Start & {
      readonly mount: MountRecord
      /** The mount of a process before this one, which may still be there. */
      readonly previous?: MountIdentity
    })
  /** Unmount and exit, or report `busy` and go on. */
  | { readonly type: 'unmount' }
  | Measure
  /** Tell the kernel of these and answer `told`. Since disks may nest all mounts hear it: a name may be in none of this one. */
  | { readonly type: 'changed'; readonly id: number; readonly changes: readonly ChangeRecord[] }
  | Stop

/**
 * A mount process says `mounted` or `failed` (and exits), `busy` when it was asked to unmount and can't, and at
 * last `unmounted` (and exits). It clears away a dead mount at its mount point before it begins.
 */
export type FromMount =
  | { readonly type: 'mount'; readonly report: MountReport }
  | Measured<MountStatistics>
  | { readonly type: 'told'; readonly id: number }
