/** What `up` made another of a disk that was there before, so that it never does so without a word. */
import type { DiskView } from '../../control/schema.ts'

export interface Change {
  readonly what: 'alias' | 'mountpoint' | 'readOnly'
  readonly from: string | boolean | null
  readonly to: string | boolean | null
}

export function changesBetween(before: DiskView, after: DiskView): Change[] {
  const changes: Change[] = []
  const compare = (what: Change['what'], from: Change['from'], to: Change['to']) => {
    if (from !== to) changes.push({ what, from, to })
  }
  compare('alias', before.alias, after.alias)
  compare('mountpoint', before.mount?.mountpoint ?? null, after.mount?.mountpoint ?? null)
  if (before.mount !== null && after.mount !== null)
    compare('readOnly', before.mount.readOnly, after.mount.readOnly)
  return changes
}

export function changeText({ what, from, to }: Change): string {
  if (what === 'readOnly')
    return to === true ? 'the mount is read-only now' : 'the mount can be written to now'
  if (what === 'alias')
    return from === null
      ? `the bucket is called ${to} now; the id goes on opening it`
      : `the bucket is called ${to} now; ${from} opens it no more`
  if (to === null) return `it is not mounted any more (it was on ${from})`
  return from === null ? `it is mounted now, on ${to}` : `it is mounted on ${to} now, no longer on ${from}`
}
