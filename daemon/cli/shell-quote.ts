/** Words as a shell reads them back. */
import { isUtf8 } from 'node:buffer'

/** What a terminal would obey, or show as something else than it is. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u
const short = new Map([
  [0x0a, '\\n'],
  [0x09, '\\t'],
  [0x27, "\\'"],
  [0x5c, '\\\\'],
])

/**
 * Any string of bytes but NUL as one word of one line. Where every shell's quotes would do, they are used; names
 * that are not UTF-8, or not printable, take $'…', which bash and zsh read.
 */
export function shellQuote(word: string | Uint8Array): string {
  const bytes = Buffer.from(word)
  const text = bytes.toString()
  if (!isUtf8(bytes) || unprintable.test(text)) return `$'${[...bytes].map(escaped).join('')}'`
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

const escaped = (byte: number): string =>
  short.get(byte) ??
  (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`)
