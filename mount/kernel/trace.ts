/** `--trace`: one readable line a request and a reply. */
import { errnoName } from '../../lib/sys/errno.ts'
import { DEFERRED } from './lanes.ts'
import { operations } from './operations.ts'
import { HEADER_OUT, type Reply, type Request } from './protocol/codec.ts'
import { describeFlags, FATTR, FOPEN, INIT, INIT2, RELEASE, WRITE } from './protocol/flags.ts'
import { OPCODE, opcodeName } from './protocol/opcode-numbers.ts'
import * as layout from './protocol/structs.ts'
import type { Struct } from './protocol/wire.ts'

/** Fields whose bits have names, by struct. */
const flagged: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'fuse_setattr_in.valid': FATTR,
  'fuse_release_in.release_flags': RELEASE,
  'fuse_open_out.open_flags': FOPEN,
  'fuse_write_in.write_flags': WRITE,
  'fuse_init_in.flags': INIT,
  'fuse_init_in (ext).flags2': INIT2,
  'fuse_init_out.flags': INIT,
  'fuse_init_out.flags2': INIT2,
}
const octal = new Set(['mode', 'umask'])

function describe(name: string, value: object): string {
  const words: string[] = []
  for (const [key, field] of Object.entries(value) as [string, unknown][]) {
    if (typeof field === 'object' && field !== null) words.push(`${key}={${describe(key, field)}}`)
    else if (field === 0 || field === 0n) continue
    else if (typeof field === 'number') {
      const table = flagged[`${name}.${key}`]
      const text = table
        ? describeFlags(table, field)
        : octal.has(key)
          ? `0${field.toString(8)}`
          : String(field)
      words.push(`${key}=${text}`)
    } else if (typeof field === 'bigint') words.push(`${key}=0x${field.toString(16)}`)
  }
  return words.join(' ')
}

const readStruct = (struct: Struct<unknown>, view: DataView, at: number, end: number): string => {
  if (end - at < struct.size) return '(too short)'
  try {
    const value = struct.read(view, at)
    return typeof value === 'object' && value !== null ? describe(struct.name, value) : ''
  } catch (thrown) {
    return `(${thrown instanceof Error ? thrown.message : 'unreadable'})`
  }
}

/** `→ 18 LOOKUP node=1 uid=0 gid=0 pid=411 "name"` */
export function traceRequest(request: Request): string {
  const { caller } = request
  const words = [
    `→ ${unique(request)} ${opcodeName(request.opcode)} node=${request.node}`,
    `uid=${caller.uid} gid=${caller.gid} pid=${caller.pid}`,
  ]
  const row = operations[request.opcode]
  let at = request.at
  const struct = request.opcode === OPCODE.INIT ? layout.initIn : row?.arguments
  if (struct) {
    words.push(readStruct(struct, request.view, at, request.end))
    at += struct.size
  }
  for (let i = row?.strings ?? 0; i > 0; i--) {
    const end = request.bytes.indexOf(0, at)
    if (end < 0 || end >= request.end) break
    words.push(JSON.stringify(request.bytes.toString('utf8', at, end)))
    at = end + 1
  }
  return words.filter((word) => word !== '').join(' ')
}

/** What a reply's line says of the request. */
type Asked = Pick<Request, 'opcode' | 'uniqueLow' | 'uniqueHigh'>

/** `← 18 LOOKUP nodeid=7 … 21 µs`, or the errno's name. */
export function traceReply(request: Asked, reply: Reply, result: number, nanoseconds: number): string {
  const row = operations[request.opcode]
  const words = [`← ${unique(request)} ${opcodeName(request.opcode)}`]
  if (result === DEFERRED) words.push('later')
  else if (result < 0) words.push(errnoName(-result))
  else if (row?.answer && result >= row.answer.size) {
    words.push(readStruct(row.answer, reply.view, HEADER_OUT, HEADER_OUT + result))
  } else words.push(result === 0 ? 'ok' : `${result} bytes`)
  words.push(`${Math.round(nanoseconds / 1000)} µs`)
  return words.join(' ')
}

const unique = (request: Asked): number => request.uniqueHigh * 2 ** 32 + request.uniqueLow
