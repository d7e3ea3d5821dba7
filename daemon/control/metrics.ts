/** The route of metrics: what the processes have counted, and what control itself knows, as samples. */
import { bucketName } from '../../lib/disk.ts'
import { processUsage } from '../../lib/sys/process-usage.ts'
import { version } from '../../lib/version.ts'
import type { MountStatistics } from '../../mount/engine.ts'
import type { MetricName, Sample } from '../metrics/catalogue.ts'
import { bounds, type S3Figures } from '../metrics/tally.ts'
import type { Daemon } from './daemon.ts'
import type { Handlers } from './handler.ts'

export const metricsRoutes: Pick<Handlers, 'metrics'> = {
  metrics: (daemon) => samplesOf(daemon),
}

/** Waits two seconds at most, for processes that don't answer. */
export async function samplesOf(daemon: Daemon): Promise<readonly Sample[]> {
  const { workers, mounts, answered } = await daemon.collectFigures()
  return [
    sample('twofold_build_info', { version, node: process.version }, 1),
    sample('twofold_start_time_seconds', {}, daemon.startedAt / 1000),
    ...processSamples(daemon, answered),
    ...[...workers].flatMap(([name, figures]) => s3Samples(name, figures)),
    ...(await diskSamples(daemon)),
    ...[...mounts].flatMap(([disk, statistics]) => mountSamples(disk, statistics)),
  ]
}

const sample = (name: MetricName, labels: Sample['labels'], value: number): Sample => ({
  name,
  labels,
  value,
})
const flag = (is: boolean): number => (is ? 1 : 0)

function processSamples(daemon: Daemon, answered: ReadonlySet<string>): Sample[] {
  return daemon.processes().flatMap(({ name, role, pid, state, restarts }) => {
    const labels = { process: name }
    const usage = pid === null ? undefined : processUsage(pid)
    return [
      sample('twofold_process_up', labels, flag(state === 'ready')),
      ...(role === 'worker' || role === 'mount'
        ? [sample('twofold_process_answering', labels, flag(answered.has(name)))]
        : []),
      sample('twofold_process_restarts_total', labels, restarts),
      ...(usage === undefined
        ? []
        : [
            sample('twofold_process_cpu_seconds_total', labels, usage.cpuSeconds),
            sample('twofold_process_resident_memory_bytes', labels, usage.residentBytes),
            ...(usage.openFds === undefined
              ? []
              : [sample('twofold_process_open_fds', labels, usage.openFds)]),
          ]),
    ]
  })
}

function s3Samples(process: string, figures: S3Figures): Sample[] {
  const samples: Sample[] = []
  for (const { disk, operation, statuses, bytes } of figures.requests) {
    const labels = { process, disk, operation }
    for (const [status, count] of statuses)
      samples.push(sample('twofold_s3_requests_total', { ...labels, status: String(status) }, count))
    samples.push(sample('twofold_s3_response_bytes_total', labels, bytes))
  }
  for (const { operation, seconds, buckets } of figures.durations) {
    const name = 'twofold_s3_request_duration_seconds'
    const labels = { process, operation }
    let count = 0
    for (const [i, within] of buckets.entries()) {
      count += within
      const le = bounds[i] === undefined ? '+Inf' : String(bounds[i])
      samples.push({ name, suffix: '_bucket', labels: { ...labels, le }, value: count })
    }
    samples.push({ name, suffix: '_sum', labels, value: seconds })
    samples.push({ name, suffix: '_count', labels, value: count })
  }
  samples.push(sample('twofold_s3_requests_in_flight', { process }, figures.inFlight))
  for (const [why, count] of figures.refused)
    samples.push(sample('twofold_s3_refused_total', { process, why }, count))
  for (const [why, count] of figures.closed)
    samples.push(sample('twofold_s3_connections_closed_total', { process, why }, count))
  samples.push(sample('twofold_s3_connections', { process }, figures.connections))
  return samples
}

async function diskSamples(daemon: Daemon): Promise<Sample[]> {
  const samples = await Promise.all(
    daemon.disks.list().map(async (disk) => {
      const labels = { disk: disk.id, bucket: bucketName(disk) }
      const offline = await daemon.disks.offline(disk)
      const available = sample('twofold_disk_available', labels, flag(offline === undefined))
      if (disk.mountpoint === null) return [available]
      const stands = daemon.mounts.of(disk.id)?.state === 'mounted'
      return [available, sample('twofold_mount_up', { disk: disk.id }, flag(stands))]
    }),
  )
  return samples.flat()
}

function mountSamples(disk: string, statistics: MountStatistics): Sample[] {
  const { operations, nodes, handles, refusedHandles, descriptors, passthrough, bytesRead, bytesWritten } =
    statistics
  const counted = Object.entries(operations).flatMap(([operation, { count, nanoseconds }]) => [
    sample('twofold_mount_operations_total', { disk, operation }, count),
    sample('twofold_mount_operation_seconds_total', { disk, operation }, nanoseconds / 1e9),
  ])
  const bytes = (name: MetricName, value: number | null) =>
    value === null ? [] : [sample(name, { disk }, value)]
  return [
    ...counted,
    sample('twofold_mount_passthrough', { disk }, flag(passthrough)),
    ...bytes('twofold_mount_read_bytes_total', bytesRead),
    ...bytes('twofold_mount_written_bytes_total', bytesWritten),
    sample('twofold_mount_nodes', { disk }, nodes),
    sample('twofold_mount_handles', { disk }, handles),
    sample('twofold_mount_handles_refused_total', { disk }, refusedHandles),
    sample('twofold_mount_descriptors', { disk }, descriptors),
  ]
}
