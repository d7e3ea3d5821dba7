/**
 * Sockets that Node can't make without also serving them: a listening one that is only held and handed to
 * children, and the datagram that systemd wants.
 */
import { isIPv4, isIPv6 } from 'node:net'
import { declare } from './libc.ts'
import { errno } from './errno.ts'
import { ioctl } from './ioctl.ts'
import { close } from './open.ts'

/** sys/socket.h, asm-generic/socket.h, netinet/in.h. */
const AF = { UNIX: 1, INET: 2, INET6: 10 } as const
const SOCK = { STREAM: 1, DGRAM: 2, CLOEXEC: 0o2000000, NONBLOCK: 0o4000 } as const
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const SO_ACCEPTCONN = 30
const IPPROTO_IPV6 = 41
const IPV6_V6ONLY = 26
/** linux/socket.h */
export const MSG = { DONTWAIT: 0x40, NOSIGNAL: 0x4000, MORE: 0x8000 } as const

const socket = declare<[domain: number, type: number, protocol: number]>(
  'int socket(int domain, int type, int protocol)',
)
const bind = declare<[fd: number, address: Uint8Array, length: number]>(
  'int bind(int fd, const void *address, uint length)',
)
const listen = declare<[fd: number, backlog: number]>('int listen(int fd, int backlog)')
const getsockname = declare<[fd: number, address: Uint8Array, length: Uint8Array]>(
  'int getsockname(int fd, void *address, void *length)',
)
const setsockopt = declare<[fd: number, level: number, name: number, value: Uint8Array, length: number]>(
  'int setsockopt(int fd, int level, int name, const void *value, uint length)',
)
const getsockopt = declare<[fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array]>(
  'int getsockopt(int fd, int level, int name, void *value, void *length)',
)
const sendto = declare<
  [fd: number, data: Uint8Array, length: number, flags: number, address: Uint8Array, addressLength: number]
>('long sendto(int fd, const void *data, size_t length, int flags, const void *address, uint addressLength)')

const shutdownBoth = declare<[fd: number, how: number]>('int shutdown(int fd, int how)')
/** Ends a connection, or has a listening socket listen no more, whoever else has it open: 0, or minus the errno. */
export const shutdown = (fd: number): number => shutdownBoth(fd, 2)

/** Bytes taken, or minus the errno. `flags`: of MSG. */
export const send = declare<[fd: number, data: Uint8Array, length: number, flags: number]>(
  'long send(int fd, const void *data, size_t length, int flags)',
)

/** linux/sockios.h */
const SIOCOUTQ = 0x5411
const queued = Buffer.alloc(4)

/** Bytes that a TCP socket holds until the other end has them (tcp(7), SIOCOUTQ); 0 where that can't be told. */
export const bytesHeld = (fd: number): number =>
  ioctl(fd, SIOCOUTQ, queued) === 0 ? queued.readInt32LE(0) : 0

const int32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}

/** The 16 bytes of an IPv6 address, its zone aside. */
function ipv6Bytes(text: string): Buffer {
  const v4 = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text)
  const hex = (a?: string, b?: string) => ((Number(a) << 8) | Number(b)).toString(16)
  const plain = v4 ? `${v4[1]}${hex(v4[2], v4[3])}:${hex(v4[4], v4[5])}` : text
  const [head = '', tail] = plain.split('::')
  const words = (part: string) => (part === '' ? [] : part.split(':').map((word) => parseInt(word, 16)))
  const first = words(head)
  const last = words(tail ?? '')
  const all = [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last]
  const bytes = Buffer.alloc(16)
  all.forEach((word, index) => bytes.writeUInt16BE(word, index * 2))
  return bytes
}

/** sockaddr_in or sockaddr_in6. `host` is an address, not a name. */
function internetAddress(host: string, port: number): Buffer {
  if (isIPv4(host)) {
    const bytes = Buffer.alloc(16)
    bytes.writeUInt16LE(AF.INET, 0)
    bytes.writeUInt16BE(port, 2)
    bytes.set(host.split('.').map(Number), 4)
    return bytes
  }
  if (!isIPv6(host)) throw new RangeError(`not an IP address: ${host}`)
  const bytes = Buffer.alloc(28)
  bytes.writeUInt16LE(AF.INET6, 0)
  bytes.writeUInt16BE(port, 2)
  bytes.set(ipv6Bytes(host), 8)
  return bytes
}

/**
 * A TCP socket that listens, close-on-exec, not blocking: its descriptor, or minus the errno (EADDRINUSE,
 * EADDRNOTAVAIL, EACCES below port 1024, …). An IPv6 address listens for IPv6 alone.
 */
export function listenTcp(host: string, port: number, backlog: number): number {
  const v6 = isIPv6(host)
  const fd = socket(v6 ? AF.INET6 : AF.INET, SOCK.STREAM | SOCK.CLOEXEC | SOCK.NONBLOCK, 0)
  if (fd < 0) return fd
  const fail = (result: number) => {
    close(fd)
    return result
  }
  const steps = [
    () => setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, int32(1), 4),
    () => (v6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, int32(1), 4) : 0),
    () => {
      const address = internetAddress(host, port)
      return bind(fd, address, address.length)
    },
    () => listen(fd, backlog),
  ]
  for (const step of steps) {
    const result = step()
    if (result < 0) return fail(result)
  }
  return fd
}

/**
 * A unix socket that listens at `path`, close-on-exec, not blocking: its descriptor, or minus the errno (EADDRINUSE where
 * the name is taken).
 */
export function listenUnix(path: string, backlog: number): number {
  const address = unixAddress(path)
  if (address === undefined) return -errno.ENAMETOOLONG
  const fd = socket(AF.UNIX, SOCK.STREAM | SOCK.CLOEXEC | SOCK.NONBLOCK, 0)
  if (fd < 0) return fd
  const bound = bind(fd, address, address.length)
  const result = bound < 0 ? bound : listen(fd, backlog)
  if (result < 0) close(fd)
  return result < 0 ? result : fd
}

/** sockaddr_un of a path, or of an abstract name that begins with `@`; undefined where it is too long. */
function unixAddress(name: string): Buffer | undefined {
  const isAbstract = name.startsWith('@')
  const bytes = Buffer.from(isAbstract ? `\0${name.slice(1)}` : name)
  // sun_path holds 108 bytes (linux/un.h).
  if (bytes.length > 107) return undefined
  const address = Buffer.alloc(2 + bytes.length + (isAbstract ? 0 : 1))
  address.writeUInt16LE(AF.UNIX, 0)
  address.set(bytes, 2)
  return address
}

/** What a descriptor is, for those that were handed to us: a listening TCP or unix socket, or neither. */
export type Listening =
  | { readonly family: 'tcp'; readonly host: string; readonly port: number }
  | { readonly family: 'unix' }
  | undefined

/** Whether it is a TCP socket that doesn't listen. */
export function isConnection(fd: number): boolean {
  const address = Buffer.alloc(128)
  if (getsockname(fd, address, int32(address.length)) < 0) return false
  const family = address.readUInt16LE(0)
  return (family === AF.INET || family === AF.INET6) && describeListening(fd) === undefined
}

export function describeListening(fd: number): Listening {
  const flag = int32(0)
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, flag, int32(4)) < 0 || flag.readInt32LE() === 0)
    return undefined
  const address = Buffer.alloc(128)
  if (getsockname(fd, address, int32(address.length)) < 0) return undefined
  const family = address.readUInt16LE(0)
  if (family === AF.UNIX) return { family: 'unix' }
  const port = address.readUInt16BE(2)
  if (family === AF.INET) return { family: 'tcp', host: [...address.subarray(4, 8)].join('.'), port }
  if (family === AF.INET6) {
    const words = Array.from({ length: 8 }, (_, index) => address.readUInt16BE(8 + index * 2).toString(16))
    return { family: 'tcp', host: new URL(`http://[${words.join(':')}]`).hostname.slice(1, -1), port }
  }
  return undefined
}

/** Sends one datagram to a unix socket (a path, or an abstract name that begins with `@`): 0, or minus the errno. */
export function sendDatagram(to: string, data: Uint8Array): number {
  const address = unixAddress(to)
  if (address === undefined) return -errno.ENAMETOOLONG
  const fd = socket(AF.UNIX, SOCK.DGRAM | SOCK.CLOEXEC, 0)
  if (fd < 0) return fd
  const sent = sendto(fd, data, data.length, MSG.NOSIGNAL, address, address.length)
  close(fd)
  return sent < 0 ? sent : 0
}
