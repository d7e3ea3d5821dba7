/** What the engine and the thread that serves its mount have in common. All of it crosses threads. */
import type { DiskSource } from '../disk-source.ts'
import type { MountOptions } from '../engine.ts'
import { OPCODES } from './session.ts'

/** What a thread is started with. */
export interface ThreadStart {
  /** The device's descriptor; the process's, as all its threads have the same. */
  readonly device: number
  readonly disk: DiskSource
  readonly options: MountOptions
  readonly shared: SharedArrayBuffer
  /** `Lanes.bytes` of it. */
  readonly lanes: SharedArrayBuffer
}

/** What a lane is started with. */
export interface LaneStart {
  readonly lanes: SharedArrayBuffer
  readonly index: number
  /** The disk's root, which syncfs opens. */
  readonly root: string
}

/** What the knocker is started with. */
export interface KnockerStart {
  readonly mountpoint: string
  /** One int32, which grows by one a knock. */
  readonly knocks: SharedArrayBuffer
}

export type FromThread =
  /** INIT is through. */
  | { readonly type: 'ready' }
  /** The first slow call came: lanes are wanted. */
  | { readonly type: 'lanes' }
  /** Something to say once. */
  | { readonly type: 'notice'; readonly text: string }
  /** A bug of ours. */
  | { readonly type: 'fault'; readonly text: string }
  /** The answer to `resolve`: where each change lies for the kernel. */
  | { readonly type: 'resolved'; readonly id: number; readonly nodes: readonly number[] }
  /** The session ended: 0, or the errno that ended it. */
  | { readonly type: 'ended'; readonly errno: number }

/** Looked at when somebody knocks (`Exchange.onKnock`). */
export type ToThread = {
  readonly type: 'resolve'
  readonly id: number
  readonly directories: readonly { readonly dev: bigint; readonly ino: bigint }[]
}

/** Figures that the thread writes and the engine reads: float64s at these places. */
export class Figures {
  static readonly bytes = (2 * OPCODES + 8) * 8
  readonly counts: Float64Array
  readonly nanoseconds: Float64Array
  /** nodes, handles, descriptors, bytes read, bytes written, files passed through. */
  readonly usage: Float64Array

  constructor(shared: SharedArrayBuffer) {
    this.counts = new Float64Array(shared, 0, OPCODES)
    this.nanoseconds = new Float64Array(shared, OPCODES * 8, OPCODES)
    this.usage = new Float64Array(shared, 2 * OPCODES * 8, 8)
  }
}
