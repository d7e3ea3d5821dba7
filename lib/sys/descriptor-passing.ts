/** Descriptors that other processes send over a unix socket: SCM_RIGHTS of unix(7). */
import { addressOf, declare } from './libc.ts'

/** sys/socket.h */
const AF_UNIX = 1
const SOCK_STREAM = 1
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SCM_RIGHTS = 1
const MSG_CMSG_CLOEXEC = 0x40000000

const call = declare<[number, number, number, Uint8Array]>(
  'int socketpair(int domain, int type, int protocol, void *pair)',
)
/** Two connected stream sockets that no child inherits by accident, or minus the errno. */
export function socketPair(): readonly [number, number] | number {
  const pair = Buffer.alloc(8)
  const result = call(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)
  return result < 0 ? result : [pair.readInt32LE(0), pair.readInt32LE(4)]
}

const recvmsg = declare<[fd: number, message: Uint8Array, flags: number]>(
  'long recvmsg(int fd, void *message, int flags)',
)
/** Waits for one message: the descriptor that came with it, -1 for none, or minus the errno. */
export function receiveDescriptor(socket: number): number {
  const byte = Buffer.alloc(8)
  const control = Buffer.alloc(64)
  const io = Buffer.alloc(16)
  io.writeBigUInt64LE(addressOf(byte), 0)
  io.writeBigUInt64LE(1n, 8)
  // struct msghdr of 64-bit Linux: name, namelen, iov, iovlen, control, controllen, flags.
  const message = Buffer.alloc(56)
  message.writeBigUInt64LE(addressOf(io), 16)
  message.writeBigUInt64LE(1n, 24)
  message.writeBigUInt64LE(addressOf(control), 32)
  message.writeBigUInt64LE(BigInt(control.length), 40)
  const received = recvmsg(socket, message, MSG_CMSG_CLOEXEC)
  if (received < 0) return received
  // struct cmsghdr: length, level, type; then the descriptor.
  const came =
    message.readBigUInt64LE(40) >= 20n &&
    control.readInt32LE(8) === SOL_SOCKET &&
    control.readInt32LE(12) === SCM_RIGHTS
  return came ? control.readInt32LE(16) : -1
}
