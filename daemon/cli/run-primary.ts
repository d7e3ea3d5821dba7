/** The daemon in a command's own process. */
import { accessSync, constants } from 'node:fs'
import type { Config } from '../../lib/config.ts'
import { Fault } from '../../lib/errors.ts'
import { requireOwnState } from '../../lib/own-state.ts'
import { isFull, storageFull } from '../../lib/storage-full.ts'
import { errnoName, errnoOf } from '../../lib/sys/errno.ts'
import { startPrimary, type Primary, type PrimaryOptions } from '../primary.ts'

/**
 * A Ctrl-C reaches us from the terminal and once more from npm, so only a signal that comes this many
 * milliseconds after the first means that somebody has no patience left.
 */
const patience = 2_000

/**
 * Starts the daemon, which stops at SIGTERM, SIGINT or SIGHUP, also when they come while it starts; a second
 * one ends the waiting. Throws a Fault that says what is in its way.
 */
export async function runPrimary(options: PrimaryOptions): Promise<Primary> {
  checkState(options.config)
  let primary: Primary | undefined
  let first: { signal: NodeJS.Signals; at: number } | undefined
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (first !== undefined && Date.now() - first.at > patience) process.exit(130)
      first ??= { signal, at: Date.now() }
      void primary?.stop(signal)
    })
  try {
    primary = await startPrimary(options)
  } catch (thrown) {
    throw isFull(thrown) ? storageFull(options.config.state) : thrown
  }
  if (first !== undefined) void primary.stop(first.signal)
  return primary
}

function checkState(config: Config): void {
  const { state } = config
  try {
    requireOwnState(config)
    accessSync(state, constants.W_OK | constants.X_OK)
  } catch (error) {
    if (isFull(error)) throw storageFull(state)
    if (error instanceof Fault) throw error
    throw new Fault(
      'AccessDenied',
      `the state directory ${state} can't be written to (${errnoName(errnoOf(error))}): name another one with --state DIR`,
    )
  }
}
