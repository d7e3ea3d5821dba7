/**
 * The log: one line an event on stderr, JSON for machines or text on a terminal. Whoever logs names the
 * fields; nothing here or there logs a header, a query, a token or a link whole. Nobody ever waits for who reads it:
 * lines that find no room are dropped and counted, and the next that does says so.
 */
import { isatty } from 'node:tty'
import { printable } from './printable.ts'
import { errno } from './sys/errno.ts'
import { writerTo } from './sys/write-now.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
const levels: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 }

/** JSON values; undefined ones are left out. An Error becomes its message (and its stack at debug). */
export type LogFields = Readonly<Record<string, unknown>>

export interface Log {
  debug(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
  /** A log that puts these fields on each of its lines. */
  with(fields: LogFields): Log
  /** Whether lines of this level are written, for those whose fields cost something. */
  writes(level: LogLevel): boolean
}

export interface LogOptions {
  readonly level: LogLevel
  readonly format: 'auto' | 'json' | 'text'
  /** Takes a finished line with its newline. stderr when absent. */
  readonly write?: (line: string, urgent: boolean) => void
  /** Put on every line. */
  readonly fields?: LogFields
}

const plain = (debug: boolean) => (_key: string, value: unknown) => {
  if (value instanceof Error)
    return debug ? (value.stack ?? value.message) : `${value.name}: ${value.message}`
  if (typeof value === 'bigint') return value.toString()
  return value
}

function asText(level: LogLevel, event: string, fields: LogFields, debug: boolean): string {
  const rest = Object.entries(fields)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => {
      const shown = plain(debug)(name, value)
      const text = typeof shown === 'object' ? JSON.stringify(shown, plain(debug)) : String(shown)
      // A key that held control characters would write lines of its own into a terminal or a log.
      return `${name}=${printable(/[\s"=]/.test(text) ? JSON.stringify(text) : text)}`
    })
  return [new Date().toISOString().slice(11, 23), level.padEnd(5), printable(event), ...rest].join(' ')
}

/** Lines of this turn of the loop: many requests cost one write. */
let pending = ''
let flushing = false
/** What a pipe with a slow reader did not take yet: the end of a line is never cut off. */
const none = Buffer.alloc(0)
let rest = none
/** What is pending, as bytes: UTF-8 takes at most three for each unit of a string. */
const ordinary = Buffer.allocUnsafeSlow(256 * 1024)
/** Bytes that wait for such a reader; lines beyond it are lost, never the daemon. */
const patience = 1024 * 1024
/** Lines that were dropped since somebody was told of it. */
let dropped = 0
let writeTo: ((bytes: Uint8Array) => number) | undefined

const hasRoom = (): boolean => rest.length + pending.length <= patience

/** stderr: with the other lines of this turn of the loop, or at once when it is `urgent`. */
function writeStderr(line: string, urgent: boolean): void {
  if (!hasRoom()) {
    dropped++
    return
  }
  pending += line
  if (rest.length > 0) return
  if (urgent || pending.length > 65_536) flush()
  else if (!flushing) {
    flushing = true
    setImmediate(flush)
  }
}
process.on('exit', () => flush())

/** At once: a line is whole, and out before the process may die, unless its reader takes no more. */
function flush(): void {
  flushing = false
  writeTo ??= writerTo(2)
  const fits = rest.length === 0 && pending.length * 3 <= ordinary.length
  const bytes = fits ? ordinary : Buffer.concat([rest, Buffer.from(pending)])
  const length = fits ? ordinary.write(pending) : bytes.length
  pending = ''
  rest = none
  for (let done = 0; done < length;) {
    const written = writeTo(bytes.subarray(done, length))
    if (written > 0) done += written
    else {
      // One whose reader is gone loses its lines.
      if (written !== -errno.EAGAIN) return
      rest = Buffer.from(bytes.subarray(done, length))
      setTimeout(flush, 20).unref()
      return
    }
  }
}

const needsEscape = /["\\\0-\x1f\x7f-\uffff]/

/** One line of JSON. */
function asJson(level: LogLevel, event: string, common: string, fields: LogFields, debug: boolean): string {
  return `{"time":"${isoNow()}","level":"${level}","event":"${event}"${common}${jsonFields(fields, debug)}}`
}

/** `,"name":value` for each field that has one. */
function jsonFields(fields: LogFields, debug: boolean): string {
  let text = ''
  for (const name in fields) {
    const value = fields[name]
    if (value !== undefined) text += jsonField(name, value, debug)
  }
  return text
}

/** Most fields say what they said in the line before. */
const lastFields = new Map<string, { value: string | number; text: string }>()

function jsonField(name: string, value: unknown, debug: boolean): string {
  // A replacer would cost more than all the rest.
  if (typeof value !== 'string' && typeof value !== 'number')
    return `,"${name}":${JSON.stringify(value, plain(debug)) ?? 'null'}`
  const last = lastFields.get(name)
  if (last?.value === value) return last.text
  const bare = typeof value === 'number' ? Number.isFinite(value) : !needsEscape.test(value)
  const json = bare ? (typeof value === 'number' ? `${value}` : `"${value}"`) : JSON.stringify(value)
  const text = `,"${name}":${json}`
  if (last === undefined) lastFields.set(name, { value, text })
  else {
    last.value = value
    last.text = text
  }
  return text
}

let lastNow = 0
let lastIso = ''
function isoNow(): string {
  const now = Date.now()
  if (now !== lastNow) {
    lastNow = now
    lastIso = new Date(now).toISOString()
  }
  return lastIso
}

export function createLog(options: LogOptions): Log {
  const least = levels[options.level]
  const debug = least === 0
  const text = options.format === 'text' || (options.format === 'auto' && isatty(2))
  const write = options.write ?? writeStderr
  const make = (common: LogFields): Log => {
    const commonJson = jsonFields(common, debug)
    const shown = (level: LogLevel, event: string, fields: LogFields) =>
      text
        ? asText(level, event, { ...common, ...fields }, debug)
        : asJson(level, event, commonJson, fields, debug)
    const line =
      (level: LogLevel) =>
      (event: string, fields: LogFields = {}) => {
        if (levels[level] < least) return
        if (dropped > 0 && write === writeStderr && hasRoom()) {
          write(`${shown('warn', 'log.dropped', { lines: dropped })}\n`, false)
          dropped = 0
        }
        write(`${shown(level, event, fields)}\n`, levels[level] >= levels.warn)
      }
    return {
      debug: line('debug'),
      info: line('info'),
      warn: line('warn'),
      error: line('error'),
      with: (fields) => make({ ...common, ...fields }),
      writes: (level) => levels[level] >= least,
    }
  }
  return make(options.fields ?? {})
}
