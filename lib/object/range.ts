/** Range (RFC 9110, 14): one range of bytes. Several are answered with the whole object, as S3 does. */

export interface ByteRange {
  /** Bytes from the start. */
  readonly first: number
  /** Inclusive. */
  readonly last: number
}

/**
 * The stretch of a file of `size` bytes that `header` asks for; undefined for the whole (no header, another
 * unit, several ranges, or no range at all by the grammar); 'unsatisfiable' for 416.
 */
export function parseRange(
  header: string | undefined,
  size: number,
): ByteRange | 'unsatisfiable' | undefined {
  if (header === undefined) return undefined
  // No two runs of white space may meet: matching would take quadratic time.
  const match = /^bytes\s*=\s*(\d+\s*)?-\s*(\d+)?$/i.exec(header.trim())
  if (match === null) return undefined
  const [, from = '', to = ''] = match
  if (from === '') {
    if (to === '') return undefined
    const suffix = Number(to)
    if (suffix === 0 || size === 0) return 'unsatisfiable'
    return { first: Math.max(0, size - suffix), last: size - 1 }
  }
  const first = Number(from)
  if (to !== '' && Number(to) < first) return undefined
  if (first >= size) return 'unsatisfiable'
  return { first, last: to === '' ? size - 1 : Math.min(Number(to), size - 1) }
}
