/** Who listens on a TCP port, from /proc: for the error that names the one in our way. */
import { linkProc, listProc, readProc } from './proc.ts'

/** proc(5): state 0A is LISTEN. */
const LISTEN = '0A'

/** Inodes of the sockets that listen on `port`, at whatever address. */
function listeningSockets(port: number): Set<string> {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  const inodes = new Set<string>()
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readProc(file).split('\n')) {
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
  for (const pid of listProc('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const fd of listProc(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkProc(`/proc/${pid}/fd/${fd}`))?.[1]
      if (inode !== undefined && inodes.has(inode))
        return `${readProc(`/proc/${pid}/comm`).trim()} (pid ${pid})`
    }
  }
  return undefined
}
