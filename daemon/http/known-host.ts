/**
 * Whom a request meant, for listeners that ask for no credential. A page of a stranger's can have its own name lead to
 * this machine (DNS rebinding), and what it then fetches its browser takes to be of its own origin. It can't have the
 * browser say another name than that in Host.
 */
import { isIP } from 'node:net'
import { Fault } from '../../lib/errors.ts'

/**
 * `host` is the Host header, undefined where HTTP/1.0 sent none, as no browser does. `names` are in lower case. Throws
 * MisdirectedRequest unless it is an address, localhost or one of the names, with a port or without.
 */
export function requireKnownHost(host: string | undefined, names: readonly string[]): void {
  if (host === undefined) return
  const bare = host.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase()
  const address = /^\[(.*)\]$/.exec(bare)
  if (isIP(address?.[1] ?? bare) !== 0 || bare === 'localhost' || names.includes(bare)) return
  throw new Fault(
    'MisdirectedRequest',
    `${JSON.stringify(host.slice(0, 100))} is no name of this daemon's: ask by address, or name it with --allowed-hosts.`,
  )
}
