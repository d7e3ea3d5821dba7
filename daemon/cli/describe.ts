/** A disk, a user and their kin in words, for people. */
import { defaultSettings, type DiskSettings } from '../../lib/disk.ts'
import type { DiskView, MountView, UserSecret } from '../control/schema.ts'
import { table } from './output.ts'

export const mountText = (mount: MountView | null): string =>
  mount === null
    ? 'not mounted'
    : mount.state === 'mounted'
      ? `${mount.mountpoint}${mount.answering === false ? ' (not answering)' : ''}`
      : `${mount.state}${mount.error === null ? '' : `: ${mount.error}`}`

export const diskTable = (disks: readonly DiskView[]): string =>
  disks.length === 0
    ? 'No disks. "twofold disk adopt DIRECTORY" makes one of a directory, "twofold disk create NAME" an empty one.'
    : table([
        ['BUCKET', 'ID', 'KIND', 'STATUS', 'MOUNT', 'ROOT'],
        ...disks.map((disk) => [
          disk.name,
          disk.id,
          disk.kind,
          disk.status,
          mountText(disk.mount),
          disk.root,
        ]),
      ])

export function diskText(disk: DiskView): string {
  const rows = [
    ['bucket', disk.name],
    ['id', disk.id],
    [
      'kind',
      disk.kind === 'managed'
        ? 'managed: removing it removes the files'
        : 'adopted: removing it leaves the files',
    ],
    ['root', disk.root],
    ['status', disk.offlineReason === null ? disk.status : `${disk.status}: ${disk.offlineReason}`],
    ['mount', mountText(disk.mount)],
    ['created', disk.createdAt],
  ]
  if (disk.mount?.engine != null)
    rows.push([
      'engine',
      `${disk.mount.engine}${disk.mount.passthrough === true ? ', passthrough' : ''}${disk.mount.readOnly ? ', read-only' : ''}`,
    ])
  for (const note of disk.mount?.notes ?? []) rows.push(['', note])
  const names = Object.keys(defaultSettings) as (keyof DiskSettings)[]
  for (const name of names) rows.push([name, [disk.settings[name]].flat().join(', ')])
  for (const [name, value] of Object.entries(disk.tags)) rows.push(['tag', `${name}=${value}`])
  return table(rows)
}

export const secretText = (user: UserSecret): string =>
  table([
    ['access key', user.identifier],
    ['secret', user.secretAccessKey],
  ]) + '\nThe secret is not shown again; "twofold user rotate" makes a new one.'

/** `2 s`, `5 min`, `3 h 20 min`, `4 d 2 h`. */
export function spanText(seconds: number): string {
  const s = Math.floor(seconds)
  if (s < 120) return `${s} s`
  const min = Math.floor(s / 60)
  if (min < 120) return `${min} min`
  const h = Math.floor(min / 60)
  if (h < 48) return `${h} h${min % 60 === 0 ? '' : ` ${min % 60} min`}`
  return `${Math.floor(h / 24)} d${h % 24 === 0 ? '' : ` ${h % 24} h`}`
}
