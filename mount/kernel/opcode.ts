/** One row of the table of operations (opcodes.ts), and the numbers that others than the table know. */
import type { HandleId, NodeId } from '../filesystem.ts'
import type { Exchange } from './exchange.ts'
import type { Struct } from './protocol/wire.ts'

/** The length of an answer, or minus the errno. Throws Malformed. */
export type Handler = (x: Exchange) => number

export interface Opcode {
  readonly number: number
  /** As the header has it, without FUSE_. */
  readonly name: string
  /** The struct that the arguments begin with, and how many strings follow it. */
  readonly arguments: Struct<unknown> | null
  readonly strings: 0 | 1 | 2
  /** The struct of the answer, for the trace; null: none, or bytes. */
  readonly answer: Struct<unknown> | null
  /** FORGET, BATCH_FORGET and INTERRUPT are not answered. */
  readonly replies: boolean
  readonly run: Handler
}

type Layout = Struct<never> | Struct<unknown> | null

export const opcode = (
  number: number,
  name: string,
  request: Layout,
  strings: 0 | 1 | 2,
  answer: Layout,
  run: Handler,
  replies = true,
): Opcode => ({
  number,
  name,
  arguments: request as Struct<unknown> | null,
  strings,
  answer: answer as Struct<unknown> | null,
  replies,
  run,
})

/** Answered by the session itself: they are about the connection. */
export const FUSE_INIT = 26
export const FUSE_DESTROY = 38

/** Numbers of operations lie below it. */
export const OPCODES = 64

/** Those that other threads know too. */
export const SETATTR = 4
export const SETLKW = 33
export const READ = 15
export const WRITE = 16
export const FSYNC = 20
export const FSYNCDIR = 30
export const FALLOCATE = 43
export const COPY_FILE_RANGE = 47
export const SYNCFS = 50
export const COPY_FILE_RANGE_64 = 53

/** What a request calls a handle or a node, which the file system knows or answers with an errno. */
export const handle = (fh: number): HandleId => fh as HandleId
export const node = (id: number): NodeId => id as NodeId
