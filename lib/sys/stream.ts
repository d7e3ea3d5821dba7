/** read(2), write(2) and poll(2): for what has no position, such as /dev/fuse and sockets. */
import { declare } from './libc.ts'

/** Bytes read, 0 at the end, or minus the errno. EINTR is handed on. */
export const read = declare<[fd: number, buffer: Uint8Array, length: number]>(
  'long read(int fd, void *buffer, size_t length)',
)

/** Bytes written, or minus the errno. */
export const write = declare<[fd: number, buffer: Uint8Array, length: number]>(
  'long write(int fd, void *buffer, size_t length)',
)
