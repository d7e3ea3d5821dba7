/** Parsers of JSON values: what came over a wire or out of the store goes in, what was meant comes out. */
import { Fault } from './errors.ts'

/** Gives the value that it was asked for, or throws InvalidArgument naming `where`. */
export type Parse<T> = (value: unknown, where: string) => T

const wrong = (where: string, wanted: string) => new Fault('InvalidArgument', `${where} must be ${wanted}`)

/** Text without NUL whose length is in characters of UTF-16. */
export const text =
  (least = 1, most = 4096): Parse<string> =>
  (value, where) => {
    if (typeof value !== 'string' || value.length < least || value.length > most || value.includes('\0')) {
      throw wrong(where, `text of ${least} to ${most} characters`)
    }
    return value
  }

export const flag: Parse<boolean> = (value, where) => {
  if (typeof value === 'boolean') return value
  throw wrong(where, 'true or false')
}

/** Also takes digits, as a query has them. */
export const whole =
  (least: number, most: number): Parse<number> =>
  (value, where) => {
    const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value
    if (typeof number === 'number' && Number.isInteger(number) && number >= least && number <= most)
      return number
    throw wrong(where, `a whole number of ${least} to ${most}`)
  }

/** A number of 0 or more, with a fraction or without. */
export const amount: Parse<number> = (value, where) => {
  if (typeof value === 'number' && value >= 0) return value
  throw wrong(where, 'an amount')
}

export const oneOf =
  <const T extends string>(...values: T[]): Parse<T> =>
  (value, where) => {
    const found = values.find((one) => one === value)
    if (found !== undefined) return found
    throw wrong(where, `one of ${values.join(', ')}`)
  }

/** Text that `parse` takes; what it answers undefined for, or throws a Fault for, is refused. */
export const brand =
  <T>(parse: (text: string) => T | undefined, wanted: string): Parse<T> =>
  (value, where) => {
    const found = typeof value === 'string' ? parse(value) : undefined
    if (found !== undefined) return found
    throw wrong(where, wanted)
  }

export const nullable =
  <T>(parse: Parse<T>): Parse<T | null> =>
  (value, where) =>
    value === null ? null : parse(value, where)

export const optional =
  <T>(parse: Parse<T>): Parse<T | undefined> =>
  (value, where) =>
    value === undefined ? undefined : parse(value, where)

export const withDefault =
  <T>(parse: Parse<T>, fallback: T): Parse<T> =>
  (value, where) =>
    value === undefined ? fallback : parse(value, where)

export const list =
  <T>(parse: Parse<T>, most: number): Parse<readonly T[]> =>
  (value, where) => {
    if (!Array.isArray(value) || value.length > most) throw wrong(where, `a list of at most ${most}`)
    return value.map((one: unknown, index) => parse(one, `${where}[${index}]`))
  }

/** Names of 1 to 128 characters with text of up to 256, at most 50: the limits of S3's tags. */
export const tags: Parse<Readonly<Record<string, string>>> = (value, where) => {
  if (!isObject(value)) throw wrong(where, 'an object')
  const entries = Object.entries(value).map(
    ([name, one]) =>
      [text(1, 128)(name, `a name in ${where}`), text(0, 256)(one, `${where}.${name}`)] as const,
  )
  if (entries.length > 50) throw wrong(where, 'at most 50 tags')
  return Object.fromEntries(entries)
}

type Shape = Readonly<Record<string, Parse<unknown>>>
/** Members that may be absent may also be left out. */
type Shaped<S extends Shape> = {
  readonly [K in keyof S as undefined extends ReturnType<S[K]> ? never : K]: ReturnType<S[K]>
} & {
  readonly [K in keyof S as undefined extends ReturnType<S[K]> ? K : never]?: ReturnType<S[K]>
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** An object with these members and no others: a mistyped name is an error, not silence. Absent ones are undefined. */
export const object =
  <S extends Shape>(shape: S): Parse<Shaped<S>> =>
  (value, where) => {
    if (!isObject(value)) throw wrong(where, 'an object')
    const given = new Map<string, unknown>(Object.entries(value))
    for (const name of given.keys()) {
      if (!Object.hasOwn(shape, name)) throw new Fault('InvalidArgument', `${where} knows no "${name}"`)
    }
    const parsed: [string, unknown][] = []
    for (const [name, parse] of Object.entries(shape)) {
      const member = parse(
        given.get(name),
        where === 'the body' || where === 'the query' ? name : `${where}.${name}`,
      )
      if (member !== undefined) parsed.push([name, member])
    }
    return Object.fromEntries(parsed) as Shaped<S>
  }

/** An object of one of several kinds, which its member `key` names. */
export const oneKindOf =
  <T>(kinds: Readonly<Record<string, Parse<T>>>, key: string): Parse<T> =>
  (value, where) => {
    const kind: unknown = isObject(value) ? Reflect.get(value, key) : undefined
    if (typeof kind === 'string' && Object.hasOwn(kinds, kind)) return kinds[kind]!(value, where)
    throw wrong(`the ${key} of ${where}`, `one of ${Object.keys(kinds).join(', ')}`)
  }
