/** Whom the S3 workers of root's daemon run as: a user of their own, who owns nothing. */
import { readFileSync } from 'node:fs'
import { Fault } from '../../lib/errors.ts'
import type { ProcessUser } from './confinement.ts'

/** The account that systemd/sysusers.conf makes for them. */
export const workerAccount = 'twofold-s3'
/**
 * Where that account isn't there. 60578 to 61183 is nobody's by systemd's table (https://systemd.io/UIDS-GIDS/), above
 * what adduser gives away, and within the 65536 numbers that containers have.
 */
export const workerUid = 61010

/**
 * Null where we aren't root: they are who we are, then. `wanted` is an account, or UID[:GID], or null for the account
 * above or else the number. Throws InvalidSetting for an account that isn't in /etc/passwd.
 */
export function workerUser(wanted: string | null): ProcessUser | null {
  if (process.geteuid?.() !== 0) return null
  if (wanted === null) return accountOf(workerAccount) ?? { uid: workerUid, gid: workerUid }
  const [uid, gid = uid] = /^\d+(?::\d+)?$/.test(wanted) ? wanted.split(':').map(Number) : []
  if (uid !== undefined && gid !== undefined) return { uid, gid }
  const account = accountOf(wanted)
  if (account !== undefined) return account
  throw new Fault('InvalidSetting', `--worker-user: /etc/passwd has no account "${wanted}"`)
}

/** Of the file alone: what else could be asked waits for networks and loads libraries into the primary. */
function accountOf(name: string): ProcessUser | undefined {
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [account, , uid, gid] = line.split(':')
    if (account === name && uid !== undefined && gid !== undefined)
      return { uid: Number(uid), gid: Number(gid) }
  }
  return undefined
}
