/** Who listens on a TCP port, from /proc: for the error that names the one in our way. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** proc(5): state 0A is LISTEN. */
const LISTEN = '0A'

/** Inodes of the sockets that listen on `port`, at whatever address. */
function listeningSockets(port: number): Set<string> {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  const inodes = new Set<string>()
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of read(file).split('\n')) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/)
      if (state === LISTEN && local?.endsWith(`:${wanted}`) && inode !== undefined) inodes.add(inode)
    }
  }
  return inodes
}

/** `nginx (pid 71)`, or undefined where nobody is found or it is another user's and we may not look. */
export function portHolder(port: number): string | undefined {
  const inodes = listeningSockets(port)
  if (inodes.size === 0) return undefined
  for (const pid of list('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const fd of list(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(link(`/proc/${pid}/fd/${fd}`))?.[1]
      if (inode !== undefined && inodes.has(inode)) return `${read(`/proc/${pid}/comm`).trim()} (pid ${pid})`
    }
  }
  return undefined
}

/** Processes come and go while we look: what is gone is empty. */
const quietly = <T>(look: () => T, otherwise: T): T => {
  try {
    return look()
  } catch {
    return otherwise
  }
}
const read = (file: string) => quietly(() => readFileSync(file, 'latin1'), '')
const list = (directory: string) => quietly(() => readdirSync(directory), [])
const link = (file: string) => quietly(() => readlinkSync(file), '')
