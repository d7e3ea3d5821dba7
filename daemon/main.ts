#!/usr/bin/env node
/** The `twofold` command. The daemon's own processes have composition roots of their own beside this one. */
import { twofold } from './cli/main.ts'

let unwritten = false
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that has enough, as head(1), is no failure; a daemon serves on either way.
  if (error.code === 'EPIPE') return
  unwritten = true
  process.exitCode = 1
  process.stderr.write(
    `twofold: what was to be printed could not be written (${error.code ?? error.message})\n`,
  )
})
// Nobody is left to be told.
process.stderr.on('error', () => {})

const status = await twofold(process.argv.slice(2), process.stdout, process.stderr)
process.exitCode = unwritten ? 1 : status
