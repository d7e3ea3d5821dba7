/** A process as `twofold status`, the control API and the metrics show it. */
import type { DiskId } from '../../lib/disk.ts'

/** How a child is called: `control`, `worker-0`, `mount-dsk-…`. */
export type ProcessName = string
export const workerName = (index: number): ProcessName => `worker-${index}`
export const mountName = (diskId: DiskId): ProcessName => `mount-${diskId}`

export interface ProcessView {
  /** `primary`, or a child's name: as the metrics call it. */
  readonly name: ProcessName
  readonly role: 'primary' | 'control' | 'worker' | 'mount'
  readonly pid: number | null
  readonly state: 'starting' | 'ready' | 'stopping' | 'down'
  readonly startedAt: string | null
  /** How often it was started again after a crash. */
  readonly restarts: number
  /** Of a mount process. */
  readonly diskId: DiskId | null
}
