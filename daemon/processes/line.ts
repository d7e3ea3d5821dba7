/**
 * The two ends of a child's line, Node's IPC, and what is done at each message that comes over it. Both ends
 * are our own code of one version, so that a message's type is trusted; what a worker says is checked
 * (from-worker.ts), since it talks to strangers.
 */
import type { ChildProcess } from 'node:child_process'

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
  process.on('message', (message) => hear(listeners, message))
  process.once('disconnect', orphaned)
  return {
    say: (message) => {
      if (process.connected) process.send?.(message, undefined, undefined, ignoreClosed)
    },
  }
}

/** The primary's end of a child's line. `check` answers undefined for what is not to be heard. */
export function lineToChild<In extends Message, Out>(
  child: ChildProcess,
  listeners: Listeners<In>,
  check: (message: unknown) => unknown,
): Line<Out> {
  child.on('message', (message) => hear(listeners, check(message)))
  return {
    say: (message) => {
      if (child.connected) child.send(message as object, ignoreClosed)
    },
  }
}

function hear<In extends Message>(listeners: Listeners<In>, message: unknown): void {
  if (typeof message !== 'object' || message === null || !('type' in message)) return
  const type = String(message.type) as In['type']
  // What a message is called must not lead to a member that every object has.
  if (Object.hasOwn(listeners, type)) listeners[type](message as Extract<In, { type: typeof type }>)
}

/** The other end died between our look and our word: its exit is handled where exits are. */
function ignoreClosed(): void {}
