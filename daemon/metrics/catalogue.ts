/**
 * Every metric in one table; docs/operations.md is tested against it. Names and units are as Prometheus has them
 * (https://prometheus.io/docs/practices/naming/): base units, `_total` for what only grows.
 */

export interface Metric {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly labels: readonly string[]
  readonly doc: string
}

const row = (type: Metric['type'], labels: readonly string[], doc: string): Metric => ({ type, labels, doc })

export const metrics = {
  twofold_build_info: row('gauge', ['version', 'node'], 'Always 1; the versions are its labels.'),
  twofold_start_time_seconds: row('gauge', [], 'When the daemon started, in seconds since 1970.'),

  twofold_process_up: row('gauge', ['process'], '1 while the process does its work, 0 while it is away.'),
  twofold_process_answering: row(
    'gauge',
    ['process'],
    'Of workers and mounts: 1 when it answered this scrape in time, 0 when it hangs or is away.',
  ),
  twofold_process_restarts_total: row(
    'counter',
    ['process'],
    'How often the process was started again after a crash.',
  ),
  twofold_process_cpu_seconds_total: row('counter', ['process'], 'CPU time in user and system mode.'),
  twofold_process_resident_memory_bytes: row(
    'gauge',
    ['process'],
    'Resident memory; what processes share is counted in each.',
  ),
  twofold_process_open_fds: row('gauge', ['process'], 'Open file descriptors.'),

  twofold_s3_requests_total: row(
    'counter',
    ['process', 'disk', 'operation', 'status'],
    'Requests answered by the S3 door, share links and health checks among them. No disk: refused before one was known.',
  ),
  twofold_s3_response_bytes_total: row(
    'counter',
    ['process', 'disk', 'operation'],
    'Bytes of the bodies of their answers.',
  ),
  twofold_s3_request_duration_seconds: row(
    'histogram',
    ['process', 'operation'],
    'Time from the headers of a request to the last byte of its answer, the waiting for slow readers included.',
  ),
  twofold_s3_requests_in_flight: row(
    'gauge',
    ['process'],
    'S3 requests and share links that are being answered.',
  ),
  twofold_s3_refused_total: row(
    'counter',
    ['process', 'why'],
    'Requests that got SlowDown (503): all places were taken (requests, connections), or too many by one client (address, key, link).',
  ),
  twofold_s3_connections_closed_total: row(
    'counter',
    ['process', 'why'],
    'Connections closed to make room: idle ones for a new one (idle), slow ones while places were short (slow).',
  ),
  twofold_s3_connections: row('gauge', ['process'], 'Open connections.'),

  twofold_disk_available: row(
    'gauge',
    ['disk', 'bucket'],
    '1 while the root is the one that was adopted, 0 while the disk is offline.',
  ),
  twofold_mount_up: row('gauge', ['disk'], 'Of disks that are to be mounted: 1 while the mount stands.'),
  twofold_mount_passthrough: row(
    'gauge',
    ['disk'],
    '1 where the kernel reads and writes files itself, unseen by the daemon.',
  ),
  twofold_mount_operations_total: row(
    'counter',
    ['disk', 'operation'],
    'FUSE requests that the mount has answered.',
  ),
  twofold_mount_operation_seconds_total: row(
    'counter',
    ['disk', 'operation'],
    'Time that it took the mount to answer them.',
  ),
  twofold_mount_read_bytes_total: row(
    'counter',
    ['disk'],
    'Bytes read through the mount. Absent once files are passed through, since those bytes are not known.',
  ),
  twofold_mount_written_bytes_total: row(
    'counter',
    ['disk'],
    'Bytes written through the mount. Absent as above.',
  ),
  twofold_mount_nodes: row('gauge', ['disk'], 'Files and directories that the kernel remembers.'),
  twofold_mount_handles: row('gauge', ['disk'], 'Files and directories that are open in the mount.'),
  twofold_mount_handles_refused_total: row(
    'counter',
    ['disk'],
    'Files and directories that were not opened because their user has his share of them open.',
  ),
  twofold_mount_descriptors: row('gauge', ['disk'], 'Descriptors that the mount holds on the root.'),
} as const satisfies Record<string, Metric>

export type MetricName = keyof typeof metrics

/** One line: of a histogram `suffix` says which of its series. */
export interface Sample {
  readonly name: MetricName
  readonly suffix?: '_bucket' | '_sum' | '_count'
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}
