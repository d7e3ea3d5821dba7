/** What both doors must agree on: how a file looks as an object. */
import type { DiskId } from '../disk.ts'
import { isDirectory, type Stat } from '../sys/stat.ts'
import { etagOf } from './etag.ts'

export interface ObjectHead {
  /** Bytes; 0 for a directory's marker. */
  readonly size: number
  /** Without quotes. */
  readonly etag: string
  /** Whole seconds since the epoch, as Last-Modified has them. */
  readonly mtime: number
}

export const objectHead = (disk: DiskId, stat: Stat): ObjectHead => ({
  size: isDirectory(stat) ? 0 : stat.size,
  etag: etagOf(disk, stat),
  mtime: stat.mtime,
})

const dates = new Map<number, string>()

/** RFC 9110, 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`. Years that the format can't hold become its nearest. */
export function httpDate(seconds: number): string {
  let text = dates.get(seconds)
  if (text === undefined) {
    if (dates.size === 4096) dates.clear()
    const within = Math.min(Math.max(seconds, -62135596800), 253402300799)
    dates.set(seconds, (text = new Date(within * 1000).toUTCString()))
  }
  return text
}
