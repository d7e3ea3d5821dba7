/**
 * What a mount process says, checked. It answers the kernel for whoever is on the mount, with root's rights where the
 * daemon has them: what it says is of the shape and size that the primary and control go by, or it isn't heard.
 */
import { Fault } from '../../lib/errors.ts'
import {
  flag,
  list,
  nullable,
  object,
  oneOf,
  optional,
  text,
  whole,
  type Parse,
} from '../../lib/json-values.ts'
import type { MountStatistics } from '../../mount/engine.ts'
import type { FromMount, MountReport } from './messages.ts'

/** Of one text in UTF-16 units: a path of the longest length with what stands around it. */
const longestText = 16 * 1024
/** Users of a mount that are named. */
const mostUsers = 100_000

const number = whole(0, Number.MAX_SAFE_INTEGER)
const said = text(0, longestText)

const amount: Parse<number> = (value, where) => {
  if (typeof value === 'number' && value >= 0) return value
  throw new Fault('InvalidArgument', `${where} must be an amount`)
}

const identity = object({ id: number, device: text(1, 32) })
const reports: Readonly<Record<MountReport['state'], Parse<MountReport>>> = {
  mounting: object({ state: oneOf('mounting') }),
  unmounted: object({ state: oneOf('unmounted') }),
  mounted: object({
    state: oneOf('mounted'),
    mount: identity,
    engine: text(1, 64),
    passthrough: flag,
    notes: list(said, 100),
  }),
  failed: object({ state: oneOf('failed'), error: said }),
  busy: object({ state: oneOf('busy'), users: list(said, mostUsers), why: optional(said) }),
}

const report: Parse<MountReport> = (value, where) => byName(reports, 'state', value, where)

const operation = object({ count: amount, nanoseconds: amount })
/** FUSE has fewer opcodes than 4,200. */
const operations: Parse<MountStatistics['operations']> = (value, where) => {
  if (typeof value !== 'object' || value === null || Object.keys(value).length > 4_200)
    throw new Fault('InvalidArgument', `${where} must be an object of figures`)
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [text(1, 64)(name, where), operation(one, where)]),
  )
}
const figures: Parse<MountStatistics> = object({
  operations,
  nodes: amount,
  handles: amount,
  refusedHandles: amount,
  descriptors: amount,
  passthrough: flag,
  bytesRead: nullable(amount),
  bytesWritten: nullable(amount),
})

const parsers: Readonly<Record<FromMount['type'], Parse<FromMount>>> = {
  mount: object({ type: oneOf('mount'), report }),
  measured: object({ type: oneOf('measured'), question: number, figures }),
  told: object({ type: oneOf('told'), id: number }),
}

/** Throws for what is no message of a mount process. */
export const parseFromMount = (message: unknown): FromMount => byName(parsers, 'type', message, 'the message')

/** Parses by the row that the member `key` of the value names. */
function byName<T>(rows: Readonly<Record<string, Parse<T>>>, key: string, value: unknown, where: string): T {
  const name: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
  const row = typeof name === 'string' && Object.hasOwn(rows, name) ? rows[name] : undefined
  if (row === undefined) throw new Fault('InvalidArgument', `${where} is of no known ${key}`)
  return row(value, where)
}
