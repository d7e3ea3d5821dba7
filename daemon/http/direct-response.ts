/**
 * Node's response, and a way past its streams, which cost more than all the rest of a small GET: the head is
 * written here and leaves by send(2), with a small body in the same call. What the socket doesn't take at once
 * is left to Node, and so is each answer that isn't plain: the last one of its connection, one whose turn
 * hasn't come (pipelining), one on a socket that isn't bare TCP.
 *
 * What Node does at an answer's end (the connection's next request, its timers) hangs on the event `finish`,
 * which is emitted as Node emits it: in the tick after the last byte was handed over.
 */
import { ServerResponse, STATUS_CODES } from 'node:http'
import { MSG, send } from '../../lib/sys/socket.ts'
import { httpDate } from '../../lib/object/http-date.ts'
import { idleSocket } from './idle-socket.ts'
import type { Fields } from './reply.ts'
import type { Visit } from './visit.ts'

export class DirectResponse extends ServerResponse {
  /**
   * The line that tells clients how long an idle connection is kept, '' for none. While undefined, heads are
   * Node's.
   */
  keepAliveLine: string | undefined
  /** What the request's Expect says; anything but 100-continue can't be met. */
  expectation: 'none' | '100-continue' | 'other' = 'none'
  /** The disk that it is about, once that is known. */
  disk: string | undefined
  /** The places that its request holds, if it was counted. */
  visit: Visit | undefined
  #begun = false

  /** Whether a head was written, by us or by Node. */
  get begun(): boolean {
    return this.#begun || this.headersSent
  }

  /**
   * The head as Node would write it; undefined where this answer is left to Node. The values of `ours` and `always`
   * can't hold what a header must not, and the latter are few.
   */
  plainHead(status: number, ours: Fields, always: Fields, length: number, own: Fields): string | undefined {
    if (this.keepAliveLine === undefined || !this.shouldKeepAlive || idleSocket(this) < 0) return undefined
    let head = statusLine(status)
    for (const name in ours) head += lineStart(name) + ours[name]!
    head += linesOf(always) + lineStart('Content-Length') + length
    for (const name in own) {
      const value = own[name]!
      // Node refuses it with an error of its own. A policy is one of ours, and long.
      if (name !== 'Content-Security-Policy' && noHeaderHolds.test(value)) return undefined
      head += lineStart(name) + value
    }
    return head + ending(this.keepAliveLine)
  }

  /**
   * Sends the first `length` bytes of `bytes`: a plain head and what follows it. `more` says that the rest
   * of the body follows at once. False when nothing was sent, and Node has to try.
   */
  begin(bytes: Uint8Array, length: number, more: boolean): boolean {
    const socket = idleSocket(this)
    if (socket < 0) return false
    const sent = send(socket, bytes, length, MSG.DONTWAIT | MSG.NOSIGNAL | (more ? MSG.MORE : 0))
    if (sent <= 0) return false
    this.#begun = true
    if (sent < length) this.socket?.write(Buffer.from(bytes.subarray(sent, length)))
    return true
  }

  override flushHeaders(): void {
    if (!this.#begun) super.flushHeaders()
  }

  /** A piece of the body, after `begin` or `writeHead`. */
  piece(bytes: Uint8Array, taken: (error?: Error | null) => void): void {
    if (!this.#begun) this.write(bytes, taken)
    else if (this.socket?.writable === true) this.socket.write(bytes, taken)
    else taken(new Error('the connection is gone'))
  }

  /** Ends what `begin` or `writeHead` began. */
  done(): void {
    if (!this.#begun) this.end()
    else if (this.writableLength === 0) process.nextTick(finish, this)
    else this.socket?.write('', () => finish(this))
  }
}

/** Its connection may have ended meanwhile, and with it what Node knew of it. */
function finish(response: DirectResponse): void {
  if (!response.destroyed) response.emit('finish')
}

const noHeaderHolds = /[^\t\x20-\x7e\x80-\xff]/

/** Pieces of heads, each of them one flat string: what is put together from fewer is put together faster. */
const flat = (text: string): string => Buffer.from(text).toString('latin1')
const statusLines = new Map<number, string>()
const lineStarts = new Map<string, string>()

function statusLine(status: number): string {
  let line = statusLines.get(status)
  if (line === undefined)
    statusLines.set(status, (line = flat(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}`)))
  return line
}

/** `name` is one of those that our code writes down, so there are few. */
function lineStart(name: string): string {
  let start = lineStarts.get(name)
  if (start === undefined) lineStarts.set(name, (start = flat(`\r\n${name}: `)))
  return start
}

const linesOfAll = new WeakMap<Fields, string>()

function linesOf(fields: Fields): string {
  let lines = linesOfAll.get(fields)
  if (lines === undefined) {
    lines = flat(
      Object.entries(fields)
        .map(([name, value]) => `\r\n${name}: ${value}`)
        .join(''),
    )
    linesOfAll.set(fields, lines)
  }
  return lines
}

let endingOf = ''
let second = 0
let end = ''
function ending(keepAliveLine: string): string {
  const now = Math.floor(Date.now() / 1000)
  if (now !== second || keepAliveLine !== endingOf) {
    second = now
    endingOf = keepAliveLine
    end = flat(`\r\nDate: ${httpDate(now)}\r\nConnection: keep-alive\r\n${keepAliveLine}\r\n`)
  }
  return end
}
