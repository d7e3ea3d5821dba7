/** A disk as the control API shows it. */
import type { Disk } from '../../lib/disk.ts'
import { bucketName } from '../../lib/disk.ts'
import type { Daemon } from './daemon.ts'
import type { DiskView, MountView } from './schema.ts'

export async function diskView(daemon: Daemon, disk: Disk): Promise<DiskView> {
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
    mount: mountView(daemon, disk),
    createdAt: disk.createdAt,
  }
}

function mountView(daemon: Daemon, disk: Disk): MountView | null {
  if (disk.mountpoint === null) return null
  const report = daemon.mounts.of(disk.id) ?? { state: 'mounting' }
  const mounted = report.state === 'mounted' ? report : undefined
  return {
    state: report.state === 'busy' ? 'mounted' : report.state,
    mountpoint: disk.mountpoint,
    readOnly: disk.mountReadOnly,
    engine: mounted?.engine ?? null,
    passthrough: mounted?.passthrough ?? null,
    error: report.state === 'failed' ? report.error : null,
    notes: mounted?.notes ?? [],
  }
}
