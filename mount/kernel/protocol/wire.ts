/**
 * Wire structs as tables: `struct('fuse_x', { ino: u64, … })` gives size, reader, writer and type; no offset
 * is typed twice. Everything is little-endian, as every machine is that Node and FUSE run on together.
 */

/** One field: how many bytes, and how they are read and written. */
export interface Field<T> {
  readonly size: number
  read(view: DataView, at: number): T
  write(view: DataView, at: number, value: T): void
}

/** The bytes of a request don't make what its opcode needs. Answered with EINVAL, never thrown further. */
export class Malformed extends Error {
  override readonly name = 'Malformed'
}

const TWO_32 = 2 ** 32

export const u16: Field<number> = {
  size: 2,
  read: (view, at) => view.getUint16(at, true),
  write: (view, at, value) => view.setUint16(at, value, true),
}

export const u32: Field<number> = {
  size: 4,
  read: (view, at) => view.getUint32(at, true),
  write: (view, at, value) => view.setUint32(at, value, true),
}

export const i32: Field<number> = {
  size: 4,
  read: (view, at) => view.getInt32(at, true),
  write: (view, at, value) => view.setInt32(at, value, true),
}

/** Opaque 64 bits, such as a lock's owner: all of them matter. */
export const u64: Field<bigint> = {
  size: 8,
  read: (view, at) => view.getBigUint64(at, true),
  write: (view, at, value) => view.setBigUint64(at, value, true),
}

/** 64 bits that count something: a size, an id of ours. Beyond 2^53 the request is malformed. */
export const count: Field<number> = {
  size: 8,
  read(view, at) {
    const high = view.getUint32(at + 4, true)
    if (high >= 2 ** 21) throw new Malformed('a count beyond 2^53')
    return high * TWO_32 + view.getUint32(at, true)
  },
  write(view, at, value) {
    view.setUint32(at, value % TWO_32, true)
    view.setUint32(at + 4, value / TWO_32, true)
  },
}

/** A length that may say "all of it": what lies beyond 2^53 is read as 2^53 - 1. */
export const extent: Field<number> = {
  size: 8,
  read(view, at) {
    const high = view.getUint32(at + 4, true)
    return high >= 2 ** 21 ? Number.MAX_SAFE_INTEGER : high * TWO_32 + view.getUint32(at, true)
  },
  write: count.write,
}

/** Signed 64 bits, exact within ±2^53: seconds since the epoch, a file's offset. */
export const i64: Field<number> = {
  size: 8,
  read: (view, at) => view.getInt32(at + 4, true) * TWO_32 + view.getUint32(at, true),
  write(view, at, value) {
    const high = Math.floor(value / TWO_32)
    view.setUint32(at, value - high * TWO_32, true)
    view.setInt32(at + 4, high, true)
  },
}

/** Bytes that mean nothing: skipped by the reader, zeroed by the writer. */
export const pad = (size: number): Field<undefined> => ({
  size,
  read: () => undefined,
  write(view, at) {
    for (let i = 0; i < size; i++) view.setUint8(at + i, 0)
  },
})

type Padding<F> = { [K in keyof F]: F[K] extends Field<undefined> ? K : never }[keyof F]
type Values<F> = { [K in Exclude<keyof F, Padding<F>>]: F[K] extends Field<infer T> ? T : never }

export interface Struct<T> extends Field<T> {
  /** As the kernel's header calls it. */
  readonly name: string
  /** Where each field lies. */
  readonly offsets: Readonly<Record<keyof T & string, number>>
}

/** Throws a RangeError where a field is not aligned to its own size: the kernel's structs have no such field. */
export function struct<F extends Record<string, Field<unknown>>>(name: string, fields: F): Struct<Values<F>> {
  const offsets: Record<string, number> = {}
  const members: { key: string; at: number; field: Field<unknown> }[] = []
  const paddings: { at: number; field: Field<unknown> }[] = []
  let size = 0
  for (const [key, field] of Object.entries(fields)) {
    if ('offsets' in field ? size % 8 !== 0 : field.size <= 8 && size % field.size !== 0) {
      throw new RangeError(`${name}.${key} is not aligned`)
    }
    offsets[key] = size
    if (key.startsWith('_')) paddings.push({ at: size, field })
    else members.push({ key, at: size, field })
    size += field.size
  }
  return {
    name,
    size,
    offsets: offsets as Struct<Values<F>>['offsets'],
    read(view, at) {
      const value: Record<string, unknown> = {}
      for (const member of members) value[member.key] = member.field.read(view, at + member.at)
      return value as Values<F>
    },
    write(view, at, value) {
      const source = value as Record<string, unknown>
      for (const member of members) member.field.write(view, at + member.at, source[member.key])
      for (const padding of paddings) padding.field.write(view, at + padding.at, undefined)
    },
  }
}

export type ValueOf<S> = S extends Field<infer T> ? T : never
