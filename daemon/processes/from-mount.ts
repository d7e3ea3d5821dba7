/**
 * What a mount process says, checked. It answers the kernel for whoever is on the mount, with root's rights where the
 * daemon has them: what it says is of the shape and size that the primary and control go by, or it isn't heard.
 */
import { Fault } from '../../lib/errors.ts'
import {
  amount,
  flag,
  list,
  nullable,
  object,
  oneKindOf,
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

const report = oneKindOf<MountReport>(reports, 'state')

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

const parse = oneKindOf<FromMount>(parsers, 'type')

/** Throws for what is no message of a mount process. */
export const parseFromMount = (message: unknown): FromMount => parse(message, 'the message')
