/**
 * The ETag of a file that was not born over S3: 32 hex digits of a hash over (disk, inode, size, mtime_ns,
 * ctime_ns), then `-1`, so that no client takes it for an MD5. It costs no read of the file, and an edit
 * that puts the mtime back still changes it, by the ctime.
 *
 * Every GET and every line of a listing has one, so the hash is one that JavaScript does in 200 ns: four lanes
 * of 32 bits, mixed as MurmurHash3 does. It keeps states apart; it isn't meant to withstand who may set them.
 */
import type { DiskId } from '../disk.ts'
import type { Stat } from '../sys/stat.ts'

/** What `etagOf` looks at. */
export type Stamp = Pick<Stat, 'ino' | 'size' | 'mtime' | 'mtimeNs' | 'ctime' | 'ctimeNs'>

const stamp = new DataView(new ArrayBuffer(40))
/** The disk's 64 bits, then those of the stamp. */
const words = new Uint32Array(12)
let written: DiskId | undefined

/** Without quotes: XML and headers add theirs. */
export function etagOf(disk: DiskId, stat: Stamp): string {
  if (written !== disk) {
    written = disk
    words[0] = parseInt(disk.slice(4, 12), 16)
    words[1] = parseInt(disk.slice(12, 20), 16)
  }
  stamp.setBigUint64(0, stat.ino)
  stamp.setFloat64(8, stat.size)
  stamp.setFloat64(16, stat.mtime)
  stamp.setFloat64(24, stat.ctime)
  stamp.setUint32(32, stat.mtimeNs)
  stamp.setUint32(36, stat.ctimeNs)
  for (let i = 0; i < 10; i++) words[i + 2] = stamp.getUint32(i * 4)
  let a = 0x9e3779b9
  let b = 0x85ebca6b
  let c = 0xc2b2ae35
  let d = 0x27d4eb2f
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    a = mixIn(a, word, 0x239b961b)
    b = mixIn(b, word, 0xab0e9789)
    c = mixIn(c, word, 0x38b34ae5)
    d = mixIn(d, word, 0xa1e38b93)
  }
  a = (a + b + c + d) | 0
  return (
    hex(finish(a)) + hex(finish((b + a) | 0)) + hex(finish((c + a) | 0)) + hex(finish((d + a) | 0)) + '-1'
  )
}

function mixIn(state: number, word: number, by: number): number {
  let k = Math.imul(word, by)
  k = Math.imul((k << 15) | (k >>> 17), by ^ 0x5bd1e995)
  const mixed = state ^ k
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0
}

/** MurmurHash3's finalizer: every bit of the input moves half of the output's. */
function finish(state: number): number {
  let h = state ^ (state >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return h ^ (h >>> 16)
}

const pairs = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const hex = (word: number): string =>
  pairs[word >>> 24]! + pairs[(word >>> 16) & 255]! + pairs[(word >>> 8) & 255]! + pairs[word & 255]!
