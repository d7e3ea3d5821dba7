/** Who keeps a mount busy: processes whose open files, directories or mappings lie below it. */
import { readdirSync, readFileSync } from 'node:fs'
import { linkProc, listProc } from '../lib/sys/proc.ts'

export interface MountUser {
  readonly pid: number
  readonly command: string
  /** One of the paths that it holds. */
  readonly path: string
}

/** At most `limit` of them. Reads /proc only, so that a mount whose server is stopping isn't asked. */
export function usersOf(mountpoint: string, limit = 10): MountUser[] {
  const users: MountUser[] = []
  const isBelow = (path: string) => path === mountpoint || path.startsWith(`${mountpoint}/`)
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue
    const path = heldBy(pid, isBelow)
    if (path === undefined) continue
    users.push({ pid: Number(pid), command: commandOf(pid), path })
    if (users.length === limit) break
  }
  return users
}

function heldBy(pid: string, isBelow: (path: string) => boolean): string | undefined {
  for (const link of ['cwd', 'root', 'exe', ...descriptorsOf(pid)]) {
    const path = linkProc(`/proc/${pid}/${link}`)
    if (isBelow(path)) return path
  }
  return undefined
}

const descriptorsOf = (pid: string): string[] => listProc(`/proc/${pid}/fd`).map((fd) => `fd/${fd}`)

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return '?'
  }
}
