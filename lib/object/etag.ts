/**
 * The ETag of a file that was not born over S3: 32 hex digits of a hash over (disk, inode, size, mtime_ns,
 * ctime_ns), then `-1`, so that no client takes it for an MD5. It costs no read of the file, and an edit
 * that puts the mtime back still changes it, by the ctime.
 */
import { hash } from 'node:crypto'
import type { DiskId } from '../disk.ts'
import type { Stat } from '../sys/stat.ts'

/** What `etagOf` looks at. */
export type Stamp = Pick<Stat, 'ino' | 'size' | 'mtime' | 'mtimeNs' | 'ctime' | 'ctimeNs'>

const bytes = Buffer.alloc(20 + 8 * 6)
const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
let written: DiskId | undefined

/** Without quotes: XML and headers add theirs. */
export function etagOf(disk: DiskId, stat: Stamp): string {
  if (written !== disk) bytes.write((written = disk), 'latin1')
  view.setBigUint64(20, stat.ino)
  view.setFloat64(28, stat.size)
  view.setFloat64(36, stat.mtime)
  view.setFloat64(44, stat.ctime)
  view.setUint32(52, stat.mtimeNs)
  view.setUint32(56, stat.ctimeNs)
  return hash('md5', bytes) + '-1'
}
