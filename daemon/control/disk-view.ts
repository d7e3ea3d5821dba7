/** A disk as the control API shows it. */
import type { Disk } from '../../lib/disk.ts'
import { bucketName } from '../../lib/disk.ts'
import { mountName, type ProcessName } from '../processes/process-view.ts'
import type { Daemon } from './daemon.ts'
import type { DiskView, MountView } from './schema.ts'

/** `answering`: the names of mount processes that have just answered, where they were asked. */
export async function diskView(
  daemon: Daemon,
  disk: Disk,
  answering?: ReadonlySet<ProcessName>,
): Promise<DiskView> {
  const offlineReason = (await daemon.disks.offline(disk)) ?? null
  return {
    id: disk.id,
    name: bucketName(disk),
    alias: disk.alias,
    organization: disk.account,
    status: offlineReason === null ? 'available' : 'offline',
    offlineReason,
    provider: 'twofold',
    region: disk.settings.region,
    kind: disk.kind,
    root: disk.root,
    settings: disk.settings,
    tags: disk.tags,
    mount: mountView(daemon, disk, answering),
    createdAt: disk.createdAt,
  }
}

/** As diskView of each, whose mounts are asked whether they answer: two seconds at most. */
export async function askedViews(daemon: Daemon, disks: readonly Disk[]): Promise<DiskView[]> {
  const stands = disks.some(({ id }) => daemon.mounts.of(id)?.state === 'mounted')
  const answering = stands ? (await daemon.collectFigures()).answered : undefined
  return Promise.all(disks.map((disk) => diskView(daemon, disk, answering)))
}

function mountView(
  daemon: Daemon,
  disk: Disk,
  answering: ReadonlySet<ProcessName> | undefined,
): MountView | null {
  if (disk.mountpoint === null) return null
  const report = daemon.mounts.of(disk.id) ?? { state: 'mounting' }
  const mounted = report.state === 'mounted' ? report : undefined
  return {
    state: report.state === 'busy' ? 'mounted' : report.state,
    mountpoint: disk.mountpoint,
    readOnly: disk.mountReadOnly,
    engine: mounted?.engine ?? null,
    passthrough: mounted?.passthrough ?? null,
    answering: mounted === undefined || answering === undefined ? null : answering.has(mountName(disk.id)),
    error: report.state === 'failed' ? report.error : null,
    notes: mounted?.notes ?? [],
  }
}
