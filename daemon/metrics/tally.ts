/** What an S3 worker has answered so far. Counting is three look-ups a request. */

import { closings, refusals, type Closing, type Refusal } from './turned-away.ts'

/** Upper bounds of the histogram's buckets, in seconds; one more holds all that took longer. */
export const bounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10] as const

/** JSON: it goes to control over IPC. */
export interface S3Figures {
  readonly requests: readonly {
    /** '' where none was known. */
    readonly disk: string
    readonly operation: string
    readonly statuses: readonly (readonly [status: number, count: number])[]
    readonly bytes: number
  }[]
  readonly durations: readonly {
    readonly operation: string
    readonly seconds: number
    /** Not summed up: as many as there are bounds, and one. */
    readonly buckets: readonly number[]
  }[]
  readonly inFlight: number
  /** By why: requests that found no place, and connections that lost theirs. */
  readonly refused: readonly (readonly [why: Refusal, count: number])[]
  readonly closed: readonly (readonly [why: Closing, count: number])[]
  readonly connections: number
}

interface Requests {
  readonly statuses: Map<number, number>
  bytes: number
}
interface Durations {
  seconds: number
  readonly buckets: Float64Array
}

export class Tally {
  readonly #requests = new Map<string, Map<string, Requests>>()
  readonly #durations = new Map<string, Durations>()
  readonly #refused = new Map<Refusal, number>(refusals.map((why) => [why, 0]))
  readonly #closed = new Map<Closing, number>(closings.map((why) => [why, 0]))
  inFlight = 0

  /** `disk` and `operation` as far as they came to be known; `bytes` of the body. */
  count(
    disk: string | undefined,
    operation: string | undefined,
    status: number,
    bytes: number,
    milliseconds: number,
  ): void {
    const requests = this.#requestsOf(disk ?? '', operation ?? 'none')
    requests.statuses.set(status, (requests.statuses.get(status) ?? 0) + 1)
    requests.bytes += bytes
    const durations = this.#durationsOf(operation ?? 'none')
    const seconds = milliseconds / 1000
    durations.seconds += seconds
    let at = 0
    while (at < bounds.length && seconds > (bounds[at] ?? 0)) at++
    durations.buckets[at] = (durations.buckets[at] ?? 0) + 1
  }

  refused(why: Refusal): void {
    this.#refused.set(why, this.#refused.get(why)! + 1)
  }

  closed(why: Closing): void {
    this.#closed.set(why, this.#closed.get(why)! + 1)
  }

  figures(connections: number): S3Figures {
    return {
      requests: [...this.#requests].flatMap(([disk, operations]) =>
        [...operations].map(([operation, { statuses, bytes }]) => ({
          disk,
          operation,
          statuses: [...statuses],
          bytes,
        })),
      ),
      durations: [...this.#durations].map(([operation, { seconds, buckets }]) => ({
        operation,
        seconds,
        buckets: [...buckets],
      })),
      inFlight: this.inFlight,
      refused: [...this.#refused],
      closed: [...this.#closed],
      connections,
    }
  }

  /** Of disks that are gone, so that what is kept stays bounded. */
  prune(live: ReadonlySet<string>): void {
    for (const disk of this.#requests.keys()) if (disk !== '' && !live.has(disk)) this.#requests.delete(disk)
  }

  #requestsOf(disk: string, operation: string): Requests {
    let operations = this.#requests.get(disk)
    if (operations === undefined) this.#requests.set(disk, (operations = new Map()))
    let requests = operations.get(operation)
    if (requests === undefined) operations.set(operation, (requests = { statuses: new Map(), bytes: 0 }))
    return requests
  }

  #durationsOf(operation: string): Durations {
    let durations = this.#durations.get(operation)
    if (durations === undefined) {
      durations = { seconds: 0, buckets: new Float64Array(bounds.length + 1) }
      this.#durations.set(operation, durations)
    }
    return durations
  }
}
