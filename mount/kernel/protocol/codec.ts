/**
 * A request as it lies in its buffer, and the reply that is made beside it. One of each serves every
 * request of a thread: nothing here outlives the request that it was decoded for.
 */
import { major, minor, type MutableStat } from '../../../lib/sys/stat.ts'
import { nameAt, type Caller, type Entry, type HandleId, type Name, type NodeId } from '../../filesystem.ts'
import { attr, entryOut, inHeader, outHeader } from './structs.ts'
import { Malformed, type Struct } from './wire.ts'

const IN = inHeader.offsets
const HEADER_IN = inHeader.size
export const HEADER_OUT = outHeader.size
/** Bytes of a request besides a WRITE's data: the largest other one is a SETXATTR's 64 KiB and its names. */
const REQUEST_ROOM = 4096

/** What a buffer for requests must hold. `maxWrite`: the most bytes of data that one WRITE brings. */
export const requestBytes = (maxWrite: number): number =>
  Math.max(maxWrite, 65536 + REQUEST_ROOM) + REQUEST_ROOM

export class Request {
  bytes: Buffer
  view: DataView
  /** The number of its buffer among those that can be left to others; -1: it can't. */
  buffer = -1
  opcode = 0
  node = 0 as NodeId
  readonly caller: Caller = { uid: 0, gid: 0, pid: 0, umask: 0, groups: null }
  /** Both halves of fuse_in_header.unique, which the reply repeats. */
  uniqueLow = 0
  uniqueHigh = 0
  /** The device's descriptor that brought it, and that alone takes its answer. */
  device = -1
  /** Where the arguments begin, what of them was not taken yet, and where they end. */
  at = 0
  end = 0

  constructor(maxWrite: number) {
    this.bytes = Buffer.from(new ArrayBuffer(requestBytes(maxWrite)))
    this.view = new DataView(this.bytes.buffer)
  }

  /** From now on requests are read into these bytes. What was taken from the others before stays there. */
  use(bytes: Buffer, buffer: number): void {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.buffer = buffer
  }

  /** Reads the header of the `length` bytes in the buffer. Throws Malformed when they can't be a request. */
  open(length: number): void {
    const { view } = this
    if (length < HEADER_IN || length > this.bytes.length || view.getUint32(0, true) !== length) {
      throw new Malformed('not the length that it says')
    }
    this.opcode = view.getUint32(IN.opcode, true)
    this.uniqueLow = view.getUint32(IN.unique, true)
    this.uniqueHigh = view.getUint32(IN.unique + 4, true)
    this.node = inHeaderNode(view)
    this.caller.uid = view.getUint32(IN.uid, true)
    this.caller.gid = view.getUint32(IN.gid, true)
    this.caller.pid = view.getUint32(IN.pid, true)
    this.caller.umask = 0
    this.caller.groups = null
    this.at = HEADER_IN
    this.end = length - view.getUint16(IN.total_extlen, true) * 8
    if (this.end < HEADER_IN) throw new Malformed('extensions longer than the request')
  }

  /** The next argument. */
  take<T>(layout: Struct<T>): T {
    const at = this.at
    if (this.end - at < layout.size) throw new Malformed(`too short for ${layout.name}`)
    this.at = at + layout.size
    return layout.read(this.view, at)
  }

  /** The next string, its NUL included: a view that lives as long as the request. */
  string(): Name {
    const { bytes, at, end } = this
    for (let i = at; i < end; i++) {
      if (bytes[i] !== 0) continue
      this.at = i + 1
      return nameAt(bytes, at, i)
    }
    throw new Malformed('a name without its end')
  }

  /** As `string`, for one entry of a directory: not empty, no slash, neither `.` nor `..`. */
  name(): Name {
    const { bytes, at, end } = this
    for (let i = at; i < end; i++) {
      const byte = bytes[i]
      if (byte === 0x2f) throw new Malformed('a name with a slash')
      if (byte !== 0) continue
      const length = i - at
      if (
        length === 0 ||
        (bytes[at] === 0x2e && (length === 1 || (length === 2 && bytes[at + 1] === 0x2e)))
      ) {
        throw new Malformed('a name that no entry has')
      }
      this.at = i + 1
      return nameAt(bytes, at, i)
    }
    throw new Malformed('a name without its end')
  }

  /** Where the next `length` bytes of data begin. */
  data(length: number): number {
    const at = this.at
    if (this.end - at < length) throw new Malformed('less data than announced')
    this.at = at + length
    return at
  }
}

function inHeaderNode(view: DataView): NodeId {
  const at = IN.nodeid
  const high = view.getUint32(at + 4, true)
  if (high >= 2 ** 21) throw new Malformed('a node that we never gave out')
  return (high * 2 ** 32 + view.getUint32(at, true)) as NodeId
}

/** What a request calls a handle or a node, which the file system knows or answers with an errno. */
export const handle = (fh: number): HandleId => fh as HandleId
export const node = (id: number): NodeId => id as NodeId

export class Reply {
  readonly bytes: Buffer
  readonly view: DataView

  /** `maxRead`: the most bytes that one READ asks for. */
  constructor(maxRead: number) {
    this.bytes = Buffer.from(new ArrayBuffer(HEADER_OUT + Math.max(maxRead, 65536)))
    this.view = new DataView(this.bytes.buffer)
  }

  /** Bytes that an answer may have. */
  get capacity(): number {
    return this.bytes.length - HEADER_OUT
  }

  /** Makes `value` the whole answer: its length. */
  put<T>(layout: Struct<T>, value: T): number {
    layout.write(this.view, HEADER_OUT, value)
    return layout.size
  }

  /** Writes the header: the length of the whole reply. `result`: the answer's length, or minus the errno. */
  seal(request: Pick<Request, 'uniqueLow' | 'uniqueHigh'>, result: number): number {
    const { view } = this
    const length = HEADER_OUT + (result > 0 ? result : 0)
    view.setUint32(0, length, true)
    view.setInt32(4, result < 0 ? result : 0, true)
    view.setUint32(8, request.uniqueLow, true)
    view.setUint32(12, request.uniqueHigh, true)
    return length
  }
}

/** The kernel's 32-bit device number (linux/kdev_t.h: new_encode_dev). */
export function encodeDevice(device: bigint): number {
  if (device === 0n) return 0
  const [a, i] = [major(device), minor(device)]
  return ((i & 0xff) | (a << 8) | ((i & ~0xff) << 12)) >>> 0
}
export const deviceMajor = (encoded: number): number => (encoded & 0xfff00) >>> 8
export const deviceMinor = (encoded: number): number => (encoded & 0xff) | ((encoded >>> 12) & 0xfff00)

const ATTR = attr.offsets
const TWO_32 = 2 ** 32

function putCount(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value, true)
  view.setUint32(offset + 4, value / TWO_32, true)
}
function putSeconds(view: DataView, offset: number, value: number): void {
  const high = Math.floor(value / TWO_32)
  view.setUint32(offset, value - high * TWO_32, true)
  view.setInt32(offset + 4, high, true)
}

/** fuse_attr, written out by hand: it is in nearly every reply. */
export function putAttributes(view: DataView, base: number, stat: MutableStat): void {
  view.setBigUint64(base + ATTR.ino, stat.ino, true)
  putCount(view, base + ATTR.size, stat.size)
  putCount(view, base + ATTR.blocks, stat.blocks)
  putSeconds(view, base + ATTR.atime, stat.atime)
  putSeconds(view, base + ATTR.mtime, stat.mtime)
  putSeconds(view, base + ATTR.ctime, stat.ctime)
  view.setUint32(base + ATTR.atimensec, stat.atimeNs, true)
  view.setUint32(base + ATTR.mtimensec, stat.mtimeNs, true)
  view.setUint32(base + ATTR.ctimensec, stat.ctimeNs, true)
  view.setUint32(base + ATTR.mode, stat.mode, true)
  view.setUint32(base + ATTR.nlink, stat.nlink, true)
  view.setUint32(base + ATTR.uid, stat.uid, true)
  view.setUint32(base + ATTR.gid, stat.gid, true)
  view.setUint32(base + ATTR.rdev, encodeDevice(stat.rdev), true)
  view.setUint32(base + ATTR.blksize, stat.blksize, true)
  view.setUint32(base + ATTR.flags, 0, true)
}

/** How long the kernel may keep an answer without asking again. */
export interface Validity {
  readonly entrySeconds: number
  readonly entryNs: number
  readonly attributeSeconds: number
  readonly attributeNs: number
}

/** From seconds with a fraction. */
export function validity(entryTimeout: number, attributeTimeout: number): Validity {
  const split = (seconds: number): [number, number] => {
    const whole = Math.floor(seconds)
    return [whole, Math.min(999_999_999, Math.round((seconds - whole) * 1e9))]
  }
  const [entrySeconds, entryNs] = split(entryTimeout)
  const [attributeSeconds, attributeNs] = split(attributeTimeout)
  return { entrySeconds, entryNs, attributeSeconds, attributeNs }
}

const ENTRY_ATTR = entryOut.offsets.attr
/** fuse_entry_out: its size. A node number is never used twice, so that every generation is 0. */
export function putEntry(view: DataView, base: number, entry: Entry, valid: Validity): number {
  putCount(view, base, entry.node)
  putCount(view, base + 8, 0)
  putCount(view, base + 16, valid.entrySeconds)
  putCount(view, base + 24, valid.attributeSeconds)
  view.setUint32(base + 32, valid.entryNs, true)
  view.setUint32(base + 36, valid.attributeNs, true)
  putAttributes(view, base + ENTRY_ATTR, entry.attributes)
  return entryOut.size
}

/** fuse_attr_out: its size. */
export function putAttrOut(view: DataView, base: number, stat: MutableStat, valid: Validity): number {
  putCount(view, base, valid.attributeSeconds)
  view.setUint32(base + 8, valid.attributeNs, true)
  view.setUint32(base + 12, 0, true)
  putAttributes(view, base + 16, stat)
  return 16 + attr.size
}
