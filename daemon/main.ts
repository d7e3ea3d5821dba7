#!/usr/bin/env node
/** The `twofold` command. The daemon's own processes have composition roots of their own beside this one. */
import { twofold } from './cli/main.ts'

process.exitCode = await twofold(process.argv.slice(2), process.stdout, process.stderr)
