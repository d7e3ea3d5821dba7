/** Whether a path names a file of a disk right now, so that a mistyped one makes no dead link. */
import type { Disk } from '../disk.ts'
import { bucketName } from '../disk.ts'
import { Fault } from '../errors.ts'
import { close } from '../sys/open.ts'
import { isFile } from '../sys/stat.ts'
import { parseKey, type Key } from './path.ts'
import { resolve } from './resolve.ts'
import { Root } from './root.ts'

/** The key of a file that is there now. Throws NoSuchKey, DiskOffline. */
export function existingFile(disk: Disk, path: string): Key {
  const none = (why: string) => new Fault('NoSuchKey', `Disk "${bucketName(disk)}": "${path}" ${why}.`)
  const key = parseKey(path)
  if (key === undefined) throw none('is no key of a file')
  const root = Root.open(disk)
  try {
    const opened = resolve(root, key)
    if (typeof opened === 'string') {
      if (opened !== 'NoSuchKey') throw new Fault(opened)
      throw none(isDirectory(root, path) ? 'is a directory, and a link opens one file' : 'is no file there')
    }
    close(opened.fd)
    if (!isFile(opened.stat)) throw none('is no file: a link opens one file')
    return key
  } finally {
    root.close()
  }
}

function isDirectory(root: Root, path: string): boolean {
  const key = parseKey(path.endsWith('/') ? path : `${path}/`)
  const opened = key === undefined ? 'NoSuchKey' : resolve(root, key)
  if (typeof opened === 'string') return false
  close(opened.fd)
  return true
}
