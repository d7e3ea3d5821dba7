/** `--trace`: one readable line a request and a reply. */
import { errnoName } from '../../lib/sys/errno.ts'
import { DEFERRED } from './lanes.ts'
import { operations, type Operation } from './operations.ts'
import { HEADER_OUT, type Reply, type Request } from './protocol/codec.ts'
import { describe } from './protocol/describe.ts'
import { OPCODE, opcodeName } from './protocol/opcode-numbers.ts'
import * as layout from './protocol/structs.ts'
import type { Struct } from './protocol/wire.ts'

const readStruct = (struct: Struct<unknown>, view: DataView, at: number, end: number): string => {
  if (end - at < struct.size) return '(too short)'
  try {
    const value = struct.read(view, at)
    return typeof value === 'object' && value !== null ? describe(struct.name, value) : ''
  } catch (thrown) {
    return `(${thrown instanceof Error ? thrown.message : 'unreadable'})`
  }
}

/** What lies in a request and in its answer. */
type Shape = Pick<Operation, 'arguments' | 'strings' | 'answer'>

/** The session answers INIT itself, so that it has no shape. */
const init: Shape = {
  arguments: layout.initIn as Struct<never> as Struct<unknown>,
  strings: 0,
  answer: layout.initOut as Struct<never> as Struct<unknown>,
}

const shapeOf = (opcode: number): Shape | undefined => (opcode === OPCODE.INIT ? init : operations[opcode])

/** `→ 18 OPEN node=7 uid=0 gid=0 pid=411 flags=O_RDWR|O_APPEND`; names that follow the arguments in quotes. */
export function traceRequest(request: Request): string {
  const { caller } = request
  const words = [
    `→ ${unique(request)} ${opcodeName(request.opcode)} node=${request.node}`,
    `uid=${caller.uid} gid=${caller.gid} pid=${caller.pid}`,
  ]
  const shape = shapeOf(request.opcode)
  let at = request.at
  if (shape?.arguments) {
    words.push(readStruct(shape.arguments, request.view, at, request.end))
    at += shape.arguments.size
  }
  // Nothing else has more behind it than strings and data.
  if (request.opcode === OPCODE.INIT && request.end > at) {
    words.push(readStruct(layout.initInExt, request.view, at, request.end))
  }
  for (let i = shape?.strings ?? 0; i > 0; i--) {
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
  const shape = shapeOf(request.opcode)
  const words = [`← ${unique(request)} ${opcodeName(request.opcode)}`]
  if (result === DEFERRED) words.push('later')
  else if (result < 0) words.push(errnoName(-result))
  else if (shape?.answer && result >= shape.answer.size) {
    words.push(readStruct(shape.answer, reply.view, HEADER_OUT, HEADER_OUT + result))
  } else words.push(result === 0 ? 'ok' : `${result} bytes`)
  words.push(`${Math.round(nanoseconds / 1000)} µs`)
  return words.join(' ')
}

const unique = (request: Asked): number => request.uniqueHigh * 2 ** 32 + request.uniqueLow
