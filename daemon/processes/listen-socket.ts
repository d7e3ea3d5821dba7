/**
 * The S3 listening socket. The primary makes it (or takes it from systemd), never accepts on it, and hands it
 * to each worker: connections that arrive while a worker is being replaced wait in its backlog.
 */
import { surroundings } from '../../lib/config.ts'
import { Fault } from '../../lib/errors.ts'
import { formatListen, isLoopback, type ListenAddress } from '../../lib/listen-address.ts'
import { portHolder } from '../../lib/sys/listeners.ts'
import { errno, errnoName } from '../../lib/sys/errno.ts'
import { close } from '../../lib/sys/open.ts'
import { describeListening, listenTcp } from '../../lib/sys/socket.ts'

export interface ListenSocket {
  readonly fd: number
  readonly address: ListenAddress
  close(): void
}

/** What waits for `accept` while both workers are busy or away; the kernel's somaxconn may be less. */
const backlog = 1024
/** sd_listen_fds(3): handed descriptors begin here. */
const firstHanded = 3

/** The TCP socket that systemd's socket activation handed to this very process, if it did. */
function handedSocket(): ListenSocket | undefined {
  const { listenPid, listenFds } = surroundings()
  if (Number(listenPid) !== process.pid) return undefined
  for (let fd = firstHanded; fd < firstHanded + Number(listenFds); fd++) {
    const found = describeListening(fd)
    if (found?.family === 'tcp') return opened(fd, found)
  }
  return undefined
}

function opened(fd: number, address: ListenAddress): ListenSocket {
  let open = true
  return {
    fd,
    address,
    close: () => {
      if (open) close(fd)
      open = false
    },
  }
}

/**
 * Opens it. `whenTaken` says what to do when another process listens there: `refuse` throws PortTaken, which
 * names that process; `next` tries the ports after it. Throws InvalidSetting for an address that isn't
 * loopback without `expose`, or that this machine doesn't have.
 */
export function openListenSocket(
  wanted: ListenAddress,
  options: { readonly expose: boolean; readonly whenTaken: 'refuse' | 'next' },
): ListenSocket {
  const handed = handedSocket()
  if (handed !== undefined) return handed
  if (!isLoopback(wanted.host) && !options.expose) {
    throw new Fault(
      'InvalidSetting',
      `${formatListen(wanted)} can be reached by other machines, in plain HTTP: say --expose if you mean it`,
    )
  }
  const last =
    options.whenTaken === 'next' && wanted.port !== 0 ? Math.min(wanted.port + 100, 65535) : wanted.port
  for (let port = wanted.port; ; port++) {
    const fd = listenTcp(wanted.host, port, backlog)
    if (fd >= 0) {
      const found = describeListening(fd)
      return opened(fd, { host: wanted.host, port: found?.family === 'tcp' ? found.port : port })
    }
    if (fd === -errno.EADDRINUSE) {
      if (port < last) continue
      const holder = portHolder(wanted.port)
      throw new Fault(
        'PortTaken',
        `${formatListen(wanted)} is taken${holder === undefined ? '' : ` by ${holder}`}: stop that, or choose another address with --listen`,
      )
    }
    throw new Fault(
      'InvalidSetting',
      `can't listen on ${formatListen({ ...wanted, port })}, since ${whyNot(-fd)}: choose another address with --listen`,
    )
  }
}

function whyNot(number: number): string {
  if (number === errno.EACCES) return 'ports below 1024 are for root'
  if (number === errno.EADDRNOTAVAIL) return 'this machine has no such address'
  return `the kernel says ${errnoName(number)}`
}
