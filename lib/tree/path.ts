/**
 * Keys: an object's name is its path from the disk's root. What isn't a valid key can't name a file, so it
 * is turned away here and nowhere else.
 */

/**
 * A path beneath a disk's root: non-empty segments joined by `/`, none of them `.`, `..` or `.twofold`, no
 * NUL, well-formed UTF-8. One slash at the end names the directory itself. Minted by `parseKey` and by a
 * listing; it stays valid whatever becomes of the file.
 */
export type Key = string & { readonly brand: 'Key' }

/** Bytes of UTF-8. */
export const maxKeyBytes = 1024
export const maxSegmentBytes = 255

/** Where we stage what isn't an object yet. No door shows it, at any level. */
export const reservedName = '.twofold'

/** undefined for what can't be a key. */
export function parseKey(text: string): Key | undefined {
  if (text.length === 0 || text.length > maxKeyBytes || text.includes('\0') || /\p{Cs}/u.test(text)) return
  const bytes = Buffer.byteLength(text)
  if (bytes > maxKeyBytes) return
  const ascii = bytes === text.length
  for (let start = 0; start < text.length;) {
    const slash = text.indexOf('/', start)
    const end = slash === -1 ? text.length : slash
    if (end === start) return
    if (end - start <= maxSegmentBytes ? !ascii || text.charCodeAt(start) === 0x2e : true) {
      if (!isSegment(text.slice(start, end))) return
    }
    start = end + 1
  }
  return text as Key
}

/** Whether a name that holds no slash and no NUL may be a segment of a key. */
export const isSegment = (name: string): boolean =>
  name !== '' &&
  name !== '.' &&
  name !== '..' &&
  name !== reservedName &&
  (name.length * 3 <= maxSegmentBytes || Buffer.byteLength(name) <= maxSegmentBytes)

/** `a/b` and `a/b/` are both a, b. */
export function segments(key: Key): string[] {
  const names = key.split('/')
  if (names.at(-1) === '') names.pop()
  return names
}

/** Whether the key names a directory: `dir/`. */
export const isDirectoryKey = (key: Key): boolean => key.charCodeAt(key.length - 1) === 0x2f

/**
 * The order of listings: that of the UTF-8 bytes. UTF-16 units are in the same order save for surrogates,
 * which encode what lies above U+FFFF and yet are less than U+E000 to U+FFFF.
 */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return x >= 0xd800 && y >= 0xd800 ? lifted(x) - lifted(y) : x - y
  }
  return a.length - b.length
}
const lifted = (unit: number) => (unit >= 0xe000 ? unit - 0x800 : unit + 0x2000)
