/** Removes a directory with all that is in it: no symbolic link is followed and no mount point is entered. */
import { DT, getdents64 } from '../sys/directory.ts'
import { errno } from '../sys/errno.ts'
import { cstring, must, type CPath } from '../sys/libc.ts'
import { AT_REMOVEDIR, close, O, openat2, RESOLVE, unlinkat } from '../sys/open.ts'

const resolution = RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS | RESOLVE.NO_XDEV
/** Entries between two turns of the event loop. */
const turn = 500
const buffer = Buffer.alloc(32 * 1024)
const dot = Buffer.from('.')
const dotDot = Buffer.from('..')

interface Level {
  readonly fd: number
  readonly name: CPath
}

/**
 * Removes the directory `name` of `parent`. Throws SystemError: EXDEV where something is mounted inside, and
 * what else the file system says; what was removed until then stays so.
 */
export async function removeTree(parent: number, name: CPath): Promise<void> {
  const open: Level[] = []
  const enter = (directory: number, child: CPath) => {
    const fd = must(openat2(directory, child, O.RDONLY | O.DIRECTORY, resolution), 'openat2', child)
    open.push({ fd, name: child })
  }
  try {
    enter(parent, name)
    for (let level = open.at(-1); level !== undefined; level = open.at(-1)) {
      const found = removeFiles(level.fd)
      if (found === 'more') {
        await new Promise((resolve) => setImmediate(resolve))
      } else if (found === 'empty') {
        close(level.fd)
        open.pop()
        must(unlinkat(open.at(-1)?.fd ?? parent, level.name, AT_REMOVEDIR), 'unlinkat', level.name)
      } else enter(level.fd, found)
    }
  } finally {
    for (const { fd } of open) close(fd)
  }
}

/** Unlinks what is no directory, up to a turn's worth; a directory that it meets on the way is the answer. */
function removeFiles(fd: number): CPath | 'more' | 'empty' {
  // Opened anew, so that it is read from its beginning whatever was removed from it.
  const reader = must(openat2(fd, '.', O.RDONLY | O.DIRECTORY, resolution), 'openat2')
  try {
    for (let done = 0; ;) {
      const filled = must(getdents64(reader, buffer), 'getdents64')
      if (filled === 0) return done === 0 ? 'empty' : 'more'
      for (let at = 0; at < filled; at += buffer.readUInt16LE(at + 16)) {
        const bytes = buffer.subarray(at + 19, buffer.indexOf(0, at + 19))
        if (bytes.equals(dot) || bytes.equals(dotDot)) continue
        const entry = cstring(bytes)
        if (buffer[at + 18] === DT.DIR) return entry
        const result = unlinkat(fd, entry, 0)
        if (result === -errno.EISDIR) return entry
        if (result !== -errno.ENOENT) must(result, 'unlinkat', entry)
        if (++done === turn) return 'more'
      }
    }
  } finally {
    close(reader)
  }
}
