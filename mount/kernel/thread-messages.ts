/** What the engine and the thread that serves its mount have in common. All of it crosses threads. */
import type { DiskSource } from '../disk/source.ts'
import type { Change, MountOptions } from '../engine.ts'
import type { LaneMemory } from './lanes.ts'
import type { ChangedNodes } from './notify.ts'
import type { Validity } from './protocol/codec.ts'

/** The most bytes of data in one READ or WRITE. */
export const maxTransfer = 1024 * 1024

/** What a thread is started with. */
export interface ThreadStart {
  /** The device's descriptor; the process's, as all its threads have the same. */
  readonly device: number
  readonly disk: DiskSource
  readonly options: MountOptions
  /** `Figures.bytes` for it, for each lane, and for the thread that waits for locks. */
  readonly figures: SharedArrayBuffer
  readonly memory: LaneMemory
  /** How many lanes there may be. */
  readonly lanes: number
  /** `lockWaitBytes` of it; null: locks are the kernel's. */
  readonly locks: SharedArrayBuffer | null
}

/** What the thread that waits for locks is started with. */
export interface LockStart {
  /** `lockWaitBytes` of it. */
  readonly locks: SharedArrayBuffer
  readonly figures: SharedArrayBuffer
  /** Which of the figures are its own. */
  readonly thread: number
  readonly trace: boolean
}

/** What a lane is started with. */
export interface LaneStart {
  readonly memory: LaneMemory
  readonly figures: SharedArrayBuffer
  /** Which of the figures are its own: from 1. */
  readonly thread: number
  /** How long the kernel may keep attributes. */
  readonly valid: Validity
  readonly trace: boolean
}

/** What the waker is started with. */
export interface WakerStart {
  readonly mountpoint: string
  /** One int32, which grows by one each time that the thread is to be woken. */
  readonly wakeups: SharedArrayBuffer
}

export type FromThread =
  /** INIT is through. */
  | { readonly type: 'ready' }
  /** One more lane is wanted. */
  | { readonly type: 'lane' }
  /** A lane is there. */
  | { readonly type: 'present' }
  /** Somebody waits for a lock on the host: the thread for it is wanted. */
  | { readonly type: 'locks' }
  /** Requests wait for a thaw, or wait no more. */
  | { readonly type: 'frozen'; readonly waits: boolean }
  /** Something to say once. */
  | { readonly type: 'notice'; readonly text: string }
  /** A bug of ours. */
  | { readonly type: 'fault'; readonly text: string }
  /** The answer to `resolve`: where each change lies for the kernel. */
  | { readonly type: 'resolved'; readonly id: number; readonly nodes: readonly ChangedNodes[] }
  /** The session ended: 0, or the errno that ended it. */
  | { readonly type: 'ended'; readonly errno: number }

/** Looked at when the thread is woken (`Exchange.onWake`). */
export type ToThread = {
  readonly type: 'resolve'
  readonly id: number
  readonly changes: readonly Change[]
}
