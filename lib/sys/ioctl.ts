/** ioctl(2) with an argument in memory. Numbers are built as asm-generic/ioctl.h builds them. */
import { declare } from './libc.ts'

const encode = (direction: number) => (type: number, number: number, size: number) =>
  ((direction << 30) | (size << 16) | (type << 8) | number) >>> 0

/** The caller writes, the kernel reads. */
export const IOW = encode(1)
export const IOR = encode(2)

/** What the driver answers, or minus the errno. */
export const ioctl = declare<[fd: number, request: number, argument: Uint8Array]>(
  'int ioctl(int fd, ulong request, void *argument)',
)
