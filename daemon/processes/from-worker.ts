/**
 * What a worker says, checked. It reads from the network, so somebody may have taken it over: to the primary and
 * to control it is a stranger, and nothing is taken to be in its messages, or of any size, before it was looked at.
 */
import { parseDiskId } from '../../lib/disk.ts'
import { catalogue, type FaultCode } from '../../lib/errors.ts'
import {
  amount,
  brand,
  list,
  object,
  oneKindOf,
  oneOf,
  text,
  whole,
  type Parse,
} from '../../lib/json-values.ts'
import { bounds, type S3Figures } from '../metrics/tally.ts'
import { closings, refusals } from '../metrics/turned-away.ts'
import { mostChanges, parseChangeRecord } from './change-record.ts'
import type { FromWorker } from './messages.ts'

/** Of a question's JSON, in UTF-16 units. Fifty tags, every character of them escaped, take half of it. */
const longestQuestion = 256 * 1024

const pair: Parse<readonly [number, number]> = (value, where) => {
  const [first = 0, second = 0] = list(amount, 2)(value, where)
  return [first, second]
}

const counts = <const T extends string>(names: readonly T[]): Parse<readonly (readonly [T, number])[]> => {
  const name = oneOf(...names)
  return list((value, where) => {
    const [why, count] = list<unknown>((one) => one, 2)(value, where)
    return [name(why, where), amount(count, where)]
  }, names.length)
}

const faultCode = brand(
  (code) => (Object.hasOwn(catalogue, code) ? (code as FaultCode) : undefined),
  'a code of the catalogue',
)
const id = text(1, 64)
const number = whole(0, Number.MAX_SAFE_INTEGER)

/** More than a worker ever counts, since it forgets disks that are gone. */
const mostFigures = 100_000
const figures: Parse<S3Figures> = object({
  requests: list(
    object({ disk: text(0, 64), operation: text(0, 64), statuses: list(pair, 1_000), bytes: amount }),
    mostFigures,
  ),
  durations: list(
    object({ operation: text(0, 64), seconds: amount, buckets: list(amount, bounds.length + 1) }),
    mostFigures,
  ),
  inFlight: amount,
  refused: counts(refusals),
  closed: counts(closings),
  connections: amount,
})

const parsers: Readonly<Record<FromWorker['type'], Parse<FromWorker>>> = {
  ready: object({ type: oneOf('ready') }),
  failed: object({ type: oneOf('failed'), code: faultCode, message: text(0, 4096) }),
  applied: object({ type: oneOf('applied'), version: number }),
  measured: object({ type: oneOf('measured'), question: number, figures }),
  ask: object({ type: oneOf('ask'), id, name: text(1, 64), question: text(1, longestQuestion) }),
  changed: object({ type: oneOf('changed'), id, changes: list(parseChangeRecord, mostChanges) }),
  reach: object({ type: oneOf('reach'), id, diskId: brand(parseDiskId, 'the id of a disk') }),
  retired: object({ type: oneOf('retired') }),
  refused: object({ type: oneOf('refused'), diskId: brand(parseDiskId, 'the id of a disk') }),
}

const parse = oneKindOf<FromWorker>(parsers, 'type')

/** Throws for what is no message of a worker's. */
export const parseFromWorker = (message: unknown): FromWorker => parse(message, 'the message')
