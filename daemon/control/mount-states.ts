/** How each mount stands, by what the primary last said of it. */
import type { DiskId } from '../../lib/disk.ts'
import type { MountReport } from '../processes/messages.ts'

export class MountStates {
  readonly #reports = new Map<DiskId, MountReport>()
  readonly #listeners = new Set<(id: DiskId, report: MountReport) => void>()

  heard(id: DiskId, report: MountReport): void {
    if (report.state !== 'busy') this.#reports.set(id, report)
    for (const listener of this.#listeners) listener(id, report)
  }

  of(id: DiskId): MountReport | undefined {
    return this.#reports.get(id)
  }

  forget(id: DiskId): void {
    this.#reports.delete(id)
  }

  /** The disk's next report of one of these states, or undefined after `milliseconds`. */
  next<S extends MountReport['state']>(
    id: DiskId,
    states: readonly S[],
    milliseconds: number,
  ): Promise<Extract<MountReport, { state: S }> | undefined> {
    return new Promise((resolve) => {
      const done = (report: Extract<MountReport, { state: S }> | undefined) => {
        clearTimeout(timer)
        this.#listeners.delete(listener)
        resolve(report)
      }
      const timer = setTimeout(done, milliseconds, undefined)
      const wanted = (report: MountReport): report is Extract<MountReport, { state: S }> =>
        states.some((state) => state === report.state)
      const listener = (of: DiskId, report: MountReport) => {
        if (of === id && wanted(report)) done(report)
      }
      this.#listeners.add(listener)
    })
  }
}
