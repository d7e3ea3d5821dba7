/**
 * How a confined child starts: this runs first, with the primary's rights, takes them off and becomes the module
 * that it was named. The process and its line to the primary stay; of this program nothing does.
 *
 * What to become comes over `launchFd`. Until that is closed, by the very execve, the primary says nothing over the
 * line, since Node would take it here and it would be gone.
 */
import { readFileSync } from 'node:fs'
import { childEnvironment } from '../lib/config.ts'
import { Fault } from '../lib/errors.ts'
import { execve, setInherited } from '../lib/sys/execve.ts'
import { SystemError } from '../lib/sys/errno.ts'
import { confine } from './processes/confine.ts'
import { launchFd, type Launch } from './processes/confinement.ts'

/** For the message to go out. */
const lastWords = 50

function become({ module, execArgv, descriptors, channel, confinement }: Launch): never {
  confine(confinement)
  // Node has all of them closed by execve.
  for (const fd of [0, 1, 2, channel, ...descriptors]) setInherited(fd, true)
  setInherited(launchFd, false)
  const environment = { ...childEnvironment(), NODE_CHANNEL_FD: String(channel) }
  const failed = execve(process.execPath, [process.execPath, ...execArgv, module], environment)
  throw new SystemError(-failed, 'execve', process.execPath)
}

try {
  become(JSON.parse(readFileSync(launchFd, 'utf8')) as Launch)
} catch (error) {
  process.stderr.write(`launch: ${String(error)}\n`)
  if (error instanceof Fault) process.send?.({ type: 'failed', code: error.code, message: error.message })
  setTimeout(() => process.exit(1), lastWords)
}
