/** The XML that S3 speaks, written by hand: the documents are flat, and what is in them is escaped here. */

export const namespace = 'http://s3.amazonaws.com/doc/2006-03-01/'

const declaration = '<?xml version="1.0" encoding="UTF-8"?>\n'

/** A document of S3's namespace. `inner` is XML already. */
export const document = (root: string, inner: string): string =>
  `${declaration}<${root} xmlns="${namespace}">${inner}</${root}>`

/** An error's document, which has no namespace (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html). */
export const errorDocument = (inner: string): string => `${declaration}<Error>${inner}</Error>`

/** One element around text. */
export const element = (name: string, text: string | number | boolean): string =>
  `<${name}>${typeof text === 'string' ? escapeXml(text) : text}</${name}>`

const special =
  /[&<>"\0-\x1f\x7f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g
const named: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/**
 * Text for an element. Control characters go out as numeric references, as S3's do: a carriage return would
 * else be read as a line feed. Of these XML 1.0 parsers accept only tab, line feed and carriage return; who
 * has keys with others asks for encoding-type=url.
 */
export function escapeXml(text: string): string {
  return plain.test(text)
    ? text
    : text.replace(special, (c) => named[c] ?? `&#x${c.charCodeAt(0).toString(16)};`)
}
const plain = /^[\w ./:@+=,;!'()*~$#?[\]{}|%-]*$/
