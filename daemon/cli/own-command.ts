/** How this command is called in another terminal, wherever that stands. */
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { surroundings } from '../../lib/config.ts'
import { packageDirectory } from '../../lib/version.ts'
import { shellQuote } from './shell-quote.ts'

/**
 * `twofold` where that is installed. Otherwise npx with the place of our package: without it npx would fetch
 * somebody else's of the same name, unless it is called in the clone.
 */
export const ownCommand = (): string =>
  isInstalled() ? 'twofold' : `npx --prefix ${shellQuote(packageDirectory)} twofold`

function isInstalled(): boolean {
  return (surroundings().path ?? '').split(':').some((directory) => {
    // npx and npm put packages' commands on the PATH of what they run alone.
    if (!directory.startsWith('/') || directory.endsWith('/node_modules/.bin')) return false
    try {
      accessSync(join(directory, 'twofold'), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
