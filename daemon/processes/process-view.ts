/** A process as `twofold status`, the control API and the metrics show it. */
import type { DiskId } from '../../lib/disk.ts'

/** How a child is called: `control`, `worker-0`, `disk-dsk-…`, `mount-dsk-…`. */
export type ProcessName = string
export const workerName = (index: number): ProcessName => `worker-${index}`
export const diskProcessName = (diskId: DiskId): ProcessName => `disk-${diskId}`
export const mountName = (diskId: DiskId): ProcessName => `mount-${diskId}`

export interface ProcessView {
  /** `primary`, or a child's name: as the metrics call it. */
  readonly name: ProcessName
  readonly role: 'primary' | 'control' | 'worker' | 'disk' | 'mount'
  readonly pid: number | null
  readonly state: 'starting' | 'ready' | 'stopping' | 'down'
  readonly startedAt: string | null
  /** How often it was started again after a crash. */
  readonly restarts: number
  /** Of a mount process, and of one that serves one disk alone. */
  readonly diskId: DiskId | null
}
