/**
 * A file's media type: by its name's extension, else by its first bytes, else `application/octet-stream`. A
 * file is looked into once: what was found stays known while (dev, ino, size, mtime_ns) do.
 */
import { fileTypeFromBuffer } from 'file-type'
import { types } from 'mime-types'
import { LRUCache } from '../lru.ts'
import { isDirectory, type Stat } from '../sys/stat.ts'
import type { Key } from '../tree/path.ts'
import { ioBuffer, readLater, readNow } from '../tree/read.ts'

export const unknownType = 'application/octet-stream'
export const directoryType = 'application/x-directory'

/** What `file-type` wants to see at most. */
export const sniffedBytes = 4100

const sniffed = new LRUCache<string, string>({ max: 10_000 })

/** `fd` is open for reading `stat`, and is not read where the extension or the cache knows. */
export function contentType(key: Key, fd: number, stat: Stat): string | Promise<string> {
  if (isDirectory(stat)) return directoryType
  const named = typeOfName(key)
  if (named !== undefined) return named
  if (stat.size === 0) return unknownType
  const stamp = `${stat.dev}.${stat.ino}.${stat.size}.${stat.mtime}.${stat.mtimeNs}`
  return sniffed.get(stamp) ?? sniff(fd, stamp)
}

/** By the extension alone; undefined where it says nothing. */
export function typeOfName(key: string): string | undefined {
  const dot = key.lastIndexOf('.')
  // A name that begins with its only dot has no extension.
  if (dot <= 0 || dot < key.length - 32 || key[dot - 1] === '/') return undefined
  const extension = key.slice(dot + 1)
  return types[extension] ?? types[extension.toLowerCase()]
}

async function sniff(fd: number, stamp: string): Promise<string> {
  const buffer = ioBuffer(sniffedBytes)
  let length = readNow(fd, buffer, sniffedBytes, 0)
  if (length === 'wait') length = await readLater(fd, buffer, sniffedBytes, 0)
  const type = length <= 0 ? unknownType : await typeOfBytes(buffer.bytes.subarray(0, length))
  sniffed.set(stamp, type)
  return type
}

/** `bytes` are a file's first ones. */
export async function typeOfBytes(bytes: Uint8Array): Promise<string> {
  // A byte order mark looks like the beginning of an MPEG frame.
  if (isText(bytes, 'utf-16le') || isText(bytes, 'utf-16be')) return 'text/plain; charset=utf-16'
  const found = await fileTypeFromBuffer(bytes).catch(() => undefined)
  if (found !== undefined) return found.mime
  return isText(bytes, 'utf-8') ? 'text/plain; charset=utf-8' : unknownType
}

/** Text has no control characters other than white space, escapes and backspaces; in UTF-16 it has a mark. */
function isText(bytes: Uint8Array, encoding: 'utf-8' | 'utf-16le' | 'utf-16be'): boolean {
  if (encoding === 'utf-16le' && !(bytes[0] === 0xff && bytes[1] === 0xfe)) return false
  if (encoding === 'utf-16be' && !(bytes[0] === 0xfe && bytes[1] === 0xff)) return false
  try {
    // The last character may be cut in two.
    const text = new TextDecoder(encoding, { fatal: true }).decode(bytes, { stream: true })
    return !/[\0-\x07\x0e-\x1a\x1c-\x1f\x7f]/.test(text)
  } catch {
    return false
  }
}
