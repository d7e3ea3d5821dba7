/** Percent-encoding (RFC 3986, 2.1), read. */

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Percent-decodes once. Node hands a request's bytes over as Latin-1, so bytes that were sent raw are taken as
 * the UTF-8 that they are. Undefined for an escape that is none, or for what isn't UTF-8.
 */
export function decodePercent(text: string): string | undefined {
  if (/^[\0-\x24\x26-\x7f]*$/.test(text)) return text
  const bytes = Buffer.from(text, 'latin1')
  let length = 0
  for (let i = 0; i < bytes.length; i++) {
    let byte = bytes[i]!
    if (byte === 0x25) {
      const high = digit(bytes[i + 1])
      const low = digit(bytes[i + 2])
      if (high === -1 || low === -1) return undefined
      byte = high * 16 + low
      i += 2
    }
    bytes[length++] = byte
  }
  try {
    return utf8.decode(bytes.subarray(0, length))
  } catch {
    return undefined
  }
}

function digit(byte: number | undefined): number {
  if (byte === undefined) return -1
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
