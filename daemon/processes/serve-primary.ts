/** What each child process does alike: it hears its primary, ignores the terminal, and never outlives it. */
import { createLog, type Log } from '../../lib/log.ts'
import { knownFault } from '../../lib/storage-full.ts'
import { lineToPrimary, type Line, type Listeners } from './line.ts'
import type { Failed, Start, Stop } from './messages.ts'
import type { ProcessView } from './process-view.ts'

/** What a child is told of its work, between its first message and its last. */
type Later<In extends { readonly type: string }> = Exclude<In, { type: 'start' | 'stop' }>

export interface ChildParts<In extends { readonly type: string }, Out> {
  /** The first message, of type `start`. What it throws as a Fault is told to the primary. */
  readonly start: (message: Extract<In, Start>, line: Line<Out | Failed>, log: Log) => Promise<void>
  /** Every later message but `stop`. */
  readonly hear: Listeners<Later<In>>
  /** Ends what `start` began, in at most `drain` milliseconds. Called once. */
  readonly stop: (drain: number) => Promise<void>
}

/** Milliseconds for the work to end when the primary is gone. */
const orphanTime = 1_000

/** Runs this process as a child of the primary. */
export function servePrimary<In extends { readonly type: string }, Out>(
  role: ProcessView['role'],
  parts: ChildParts<In, Out>,
): void {
  process.title = `twofold ${role}`
  // Ctrl-C and the service manager reach the whole group: the primary decides what ends when.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

  let stopping: Promise<void> | undefined
  let log: Log | undefined
  const end = (drain: number): void => {
    stopping ??= parts.stop(drain).then(
      () => process.exit(0),
      (error: unknown) => {
        log?.error('stop.failed', { error })
        process.exit(1)
      },
    )
  }
  const start = (message: Extract<In, Start>): void => {
    const ours = createLog({
      level: message.config.logLevel,
      format: message.config.logFormat,
      fields: { role, pid: process.pid },
    })
    log = ours
    parts.start(message, line, ours).catch((error: unknown) => {
      if (stopping !== undefined) return
      ours.error('start.failed', { error })
      const fault = knownFault(error, message.config.state)
      if (fault !== undefined) line.say({ type: 'failed', code: fault.code, message: fault.message })
      process.exitCode = 1
      setTimeout(() => process.exit(1), 100)
    })
  }
  const listeners = { ...parts.hear, start, stop: ({ drain }: Stop) => end(drain) }
  const line = lineToPrimary<In, Out | Failed>(listeners as unknown as Listeners<In>, () => end(orphanTime))
}
