/** Finds a request's row in the operation table. */
import type { RequestHeaders } from '../http/request-headers.ts'
import type { Operation } from './operation.ts'
import { operations } from './operations.ts'
import type { Query } from '../http/query.ts'

interface Candidate {
  readonly operation: Operation
  readonly wanted: readonly (readonly [name: string, value: string | undefined])[]
}

interface Group {
  /** Candidates by the first name in their query, the most demanding first. */
  readonly byName: Map<string, Candidate[]>
  readonly rest: Candidate[]
}

const groups = new Map<string, Group>()
for (const operation of operations) {
  const name = `${operation.method} ${operation.on}`
  let group = groups.get(name)
  if (group === undefined) groups.set(name, (group = { byName: new Map(), rest: [] }))
  const wanted = operation.query.split('&').map((part) => {
    const [parameter = '', value] = part.split('=')
    return [parameter, value] as const
  })
  const candidate: Candidate = { operation, wanted: operation.query === '' ? [] : wanted }
  const first = candidate.wanted[0]?.[0]
  const list = first === undefined ? group.rest : (group.byName.get(first) ?? [])
  if (first !== undefined) group.byName.set(first, list)
  list.push(candidate)
  list.sort((a, b) => demands(b) - demands(a))
}

function demands({ operation, wanted }: Candidate): number {
  return wanted.length * 2 + (operation.header === undefined ? 0 : 1)
}

/** The row, or undefined where the table has none: what has no row does not exist. */
export function route(
  method: string,
  on: Operation['on'],
  query: Query,
  headers: RequestHeaders,
): Operation | undefined {
  const group = groups.get(`${method} ${on}`)
  if (group === undefined) return undefined
  for (const [name] of query.pairs) {
    const found = choose(group.byName.get(name), query, headers)
    if (found !== undefined) return found
  }
  return choose(group.rest, query, headers)
}

function choose(
  candidates: readonly Candidate[] | undefined,
  query: Query,
  headers: RequestHeaders,
): Operation | undefined {
  if (candidates === undefined) return undefined
  for (const { operation, wanted } of candidates) {
    if (operation.header !== undefined && !headers.has(operation.header)) continue
    if (wanted.every(([name, value]) => (value === undefined ? query.has(name) : query.get(name) === value)))
      return operation
  }
  return undefined
}

/** For Allow (RFC 9110, 10.2.1): the methods that the table runs on this kind of resource. */
export const allowed = (on: Operation['on']): string =>
  [
    ...new Set(operations.filter((row) => row.on === on && row.run !== undefined).map((row) => row.method)),
  ].join(', ')
