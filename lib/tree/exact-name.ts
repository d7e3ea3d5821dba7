/** On a root that folds case the kernel finds `A` by `a`; as a key the two differ. */
import { getdents64 } from '../sys/directory.ts'
import { close, O, openat2 } from '../sys/open.ts'

const buffer = Buffer.alloc(64 * 1024)

/** Whether the directory holds `name` in just these bytes. Reads it through: only for roots that fold case. */
export function holdsName(directory: number, name: string): boolean {
  const fd = openat2(directory, '.', O.RDONLY | O.DIRECTORY)
  if (fd < 0) return false
  const wanted = Buffer.from(`${name}\0`)
  try {
    for (;;) {
      const filled = getdents64(fd, buffer)
      if (filled <= 0) return false
      for (let at = 0; at < filled; at += buffer.readUInt16LE(at + 16)) {
        if (buffer.subarray(at + 19, at + 19 + wanted.length).equals(wanted)) return true
      }
    }
  } finally {
    close(fd)
  }
}
