/**
 * The two ends of a child's line, and what is done at each message that comes over it. The child's end is Node's
 * IPC; the primary's is not, which dies of a line that is no JSON, keeps one that never ends, and obeys some messages
 * itself. Both ends are our own code of one version, so that a message's type is trusted; what a worker says is
 * checked (from-worker.ts), since it talks to strangers.
 */
import type { Duplex } from 'node:stream'
import type { Ping, Pong } from './messages.ts'

const lineFeed = 10
/** Bytes that wait for a child, beyond which the primary hears nothing from it. */
const mostUnread = 1 << 20

interface Message {
  readonly type: string
}

/** What is done at each message, by its type: a message without a listener doesn't compile. */
export type Listeners<In extends Message> = {
  readonly [T in In['type']]: (message: Extract<In, { type: T }>) => void
}

export interface Line<Out> {
  say(message: Out): void
}

/** Opens a child's line to its primary. `orphaned` is called once when the primary is gone, however it went. */
export function lineToPrimary<In extends Message, Out>(
  listeners: Listeners<In>,
  orphaned: () => void,
): Line<Out> {
  process.on('message', (message) => {
    if (isOf<Ping>('ping', message)) answer({ type: 'pong', number: message.number })
    else hear(listeners, message)
  })
  process.once('disconnect', orphaned)
  return {
    say: (message) => {
      if (process.connected) process.send?.(message, undefined, undefined, ignoreClosed)
    },
  }
}

const answer = (pong: Pong): void => {
  if (process.connected) process.send?.(pong, undefined, undefined, ignoreClosed)
}

/** A line of the primary's to a child. */
export interface ChildLine<In extends Message> {
  readonly listeners: Listeners<In>
  /** Answers undefined for what is not to be heard. */
  readonly check: (message: unknown) => unknown
  /** Bytes of the longest message. */
  readonly longest: number
  /** It answered the ping of this number. */
  readonly ponged: (number: number) => void
  /** It sent what no process of ours sends, and is not heard any more. */
  readonly garbled: (why: string) => void
}

/** The primary's end of a child's line: JSON and a line feed, both ways. */
export function lineToChild<In extends Message, Out>(
  stream: Duplex,
  options: ChildLine<In>,
): Line<Out | Ping> {
  const { listeners, check, longest, ponged, garbled } = options
  let begun: Buffer[] = []
  let length = 0
  const refuse = (why: string): void => {
    begun = []
    stream.off('data', read).resume()
    garbled(why)
  }
  const read = (chunk: Buffer): void => {
    let from = 0
    for (let end; (end = chunk.indexOf(lineFeed, from)) >= 0; from = end + 1) {
      const line = Buffer.concat([...begun, chunk.subarray(from, end)])
      begun = []
      length = 0
      let message: unknown
      try {
        message = JSON.parse(line.toString())
      } catch {
        return refuse('a message that is no JSON')
      }
      if (isOf<Pong>('pong', message)) ponged(message.number)
      else hear(listeners, check(message))
    }
    length += chunk.length - from
    if (length > longest) return refuse(`a message of more than ${longest} bytes`)
    begun.push(chunk.subarray(from))
  }
  stream.on('data', read)
  // Its exit is handled where exits are.
  stream.on('error', ignoreClosed)
  // Who doesn't read what it is told isn't heard meanwhile, or the answers to it would be without bound.
  stream.on('drain', () => stream.resume())
  return {
    say: (message) => {
      if (!stream.writable || stream.write(`${JSON.stringify(message)}\n`)) return
      if (stream.writableLength > mostUnread) stream.pause()
    },
  }
}

const isOf = <M extends Ping | Pong>(type: M['type'], message: unknown): message is M =>
  typeof message === 'object' &&
  message !== null &&
  'type' in message &&
  message.type === type &&
  'number' in message &&
  typeof message.number === 'number'

function hear<In extends Message>(listeners: Listeners<In>, message: unknown): void {
  if (typeof message !== 'object' || message === null || !('type' in message)) return
  const type = String(message.type) as In['type']
  // What a message is called must not lead to a member that every object has.
  if (Object.hasOwn(listeners, type)) listeners[type](message as Extract<In, { type: typeof type }>)
}

/** The other end died between our look and our word: its exit is handled where exits are. */
function ignoreClosed(): void {}
