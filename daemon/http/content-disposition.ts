/**
 * Content-Disposition (RFC 6266): how a browser treats a file, and the name that it saves it under, in any
 * script (RFC 8187).
 */

/** `name` is well-formed and holds no slash. Nothing of it can end the header or begin another. */
export function contentDisposition(disposition: 'inline' | 'attachment', name: string): string {
  // A percent sign would be decoded by some who read the plain form.
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/gu, '_')
  const simple = `${disposition}; filename="${plain}"`
  if (plain === name) return simple
  const extended = encodeURIComponent(name).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `${simple}; filename*=UTF-8''${extended}`
}
