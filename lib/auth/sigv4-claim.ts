/** What a request claims about its signature, from the Authorization header or from the query. */
import { Fault, type FaultCode } from '../errors.ts'
import { LRUCache } from '../lru.ts'
import {
  canonicalValue,
  parseSignedHeaders,
  type Headers,
  type Parameters,
  type SignedHeaders,
} from './canonical.ts'

export interface Claim {
  readonly presigned: boolean
  readonly accessKeyId: string
  /** `day/region/service/aws4_request` */
  readonly scope: string
  readonly day: string
  readonly region: string
  readonly signed: SignedHeaders
  readonly signature: string
  /** `YYYYMMDDTHHMMSSZ`, as it stands in the string to sign. */
  readonly date: string
  /** The same, in milliseconds since the epoch. */
  readonly time: number
  /** Seconds, 1 to 604800; 0 in the header's form. */
  readonly expires: number
  /** x-amz-content-sha256 where it was sent. */
  readonly contentSha256: string | undefined
}

/** 7 days, in seconds. */
const longest = 604_800

const remedy =
  'Please use AWS4-HMAC-SHA256 (Signature Version 4): set the signature version to s3v4, or the region to ' +
  '"local", for which SDKs presign with it.'

const refuse = (code: FaultCode, message: string, argument?: string) =>
  new Fault(code, message, argument === undefined ? {} : { details: { ArgumentName: argument } })

/** The few headers that decide who signs what, which must not be there twice. */
interface OwnHeaders {
  /** As it was sent. */
  readonly authorization: string | undefined
  readonly date: string | undefined
  readonly contentSha256: string | undefined
  readonly amzDate: string | undefined
}

function readHeaders({ names, values }: Headers): OwnHeaders {
  let authorization, date, host, contentSha256, amzDate: string | undefined
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!
    if (name === 'authorization') authorization = once(name, authorization, values[i]!)
    else if (name === 'date') date = once(name, date, values[i]!)
    else if (name === 'host') host = once(name, host, values[i]!)
    else if (name === 'x-amz-content-sha256') contentSha256 = once(name, contentSha256, values[i]!)
    else if (name === 'x-amz-date') amzDate = once(name, amzDate, values[i]!)
  }
  return {
    authorization,
    date: date && canonicalValue(date),
    contentSha256: contentSha256 && canonicalValue(contentSha256),
    amzDate: amzDate && canonicalValue(amzDate),
  }
}

function once(name: string, before: string | undefined, value: string): string {
  if (before === undefined) return value
  throw refuse('InvalidArgument', `The ${name} header is there more than once`, name)
}

/**
 * Throws AccessDenied when the request isn't signed at all, InvalidArgument when it is signed twice,
 * InvalidRequest for another version of signatures, and what S3 says of a claim that is malformed.
 */
export function readClaim(received: Headers, query: Parameters, service: string): Claim {
  const headers = readHeaders(received)
  let version4 = false
  let version2 = false
  for (const [name] of query) {
    if (name === 'X-Amz-Algorithm' || name === 'X-Amz-Credential' || name === 'X-Amz-Signature')
      version4 = true
    if (name === 'AWSAccessKeyId' || name === 'Signature') version2 = true
  }
  if (Number(headers.authorization !== undefined) + Number(version4) + Number(version2) > 1) {
    throw refuse(
      'InvalidArgument',
      'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string ' +
        'parameter or the Authorization header should be specified',
      'Authorization',
    )
  }
  if (headers.authorization !== undefined) return fromHeader(headers.authorization, headers, service)
  if (version4) return fromQuery(query, headers, service)
  if (version2) throw notVersion4()
  throw new Fault('AccessDenied', 'Access Denied: the request is not signed')
}

const notVersion4 = () =>
  new Fault('InvalidRequest', `The authorization mechanism you have provided is not supported. ${remedy}`)

/** What an Authorization header says besides its signature. */
interface Authority {
  readonly credential: string
  readonly signed: SignedHeaders
}

/** That is the same for all of a client's requests of a day: the beginnings that came lately, parsed. */
const authorities = new LRUCache<string, Authority>({ max: 256 })
const signatureLength = 64

const malformed = (why: string) =>
  new Fault('AuthorizationHeaderMalformed', `The authorization header is malformed; ${why}`)

function readAuthorization(value: string): { authority: Authority; signature: string } {
  const start = value.slice(0, -signatureLength)
  const end = value.slice(-signatureLength)
  const known = authorities.get(start)
  if (known !== undefined && !end.includes(',')) return { authority: known, signature: end }
  const parsed = parseAuthorization(canonicalValue(value))
  if (start.endsWith('Signature=') && parsed.signature === end && value.length < 1024) {
    authorities.set(start, parsed.authority)
  }
  return parsed
}

function parseAuthorization(value: string): { authority: Authority; signature: string } {
  const space = value.indexOf(' ')
  const algorithm = space < 0 ? value : value.slice(0, space)
  if (algorithm !== 'AWS4-HMAC-SHA256') {
    if (algorithm === 'AWS' || algorithm.startsWith('AWS4-')) throw notVersion4()
    throw refuse('InvalidArgument', 'Unsupported Authorization Type', 'Authorization')
  }
  let credential, signedHeaders, signature: string | undefined
  for (let from = algorithm.length; from < value.length;) {
    let to = value.indexOf(',', from)
    if (to < 0) to = value.length
    while (value.charCodeAt(from) === 0x20) from++
    const equals = value.indexOf('=', from)
    const name = equals < 0 ? '' : value.slice(from, equals)
    const text = value.slice(equals + 1, to).trimEnd()
    from = to + 1
    if (name === 'Credential' && credential === undefined) credential = text
    else if (name === 'SignedHeaders' && signedHeaders === undefined) signedHeaders = text
    else if (name === 'Signature' && signature === undefined) signature = text
    else throw malformed('it must have Credential, SignedHeaders and Signature, once each, and no more.')
  }
  if (credential === undefined) throw malformed('the Credential is missing.')
  if (signedHeaders === undefined) throw malformed('the SignedHeaders are missing.')
  if (signature === undefined) throw malformed('the Signature is missing.')
  const signed = parseSignedHeaders(signedHeaders)
  if (signed === undefined) throw malformed('the SignedHeaders are no list of header names.')
  return { authority: { credential, signed }, signature }
}

function fromHeader(value: string, headers: OwnHeaders, service: string): Claim {
  const { authority, signature } = readAuthorization(value)
  const { credential, signed } = authority
  const { amzDate } = headers
  const time = amzDate !== undefined ? parseIsoDate(amzDate) : parseHttpDate(headers.date)
  if (time === undefined) {
    throw refuse('AccessDenied', 'AWS authentication requires a valid Date or x-amz-date header')
  }
  const date = amzDate ?? isoDate(time)
  const { accessKeyId, scope, day, region } = readScope(credential, date, service, malformed)
  return {
    presigned: false,
    accessKeyId,
    scope,
    day,
    region,
    signed,
    signature,
    date,
    time,
    expires: 0,
    contentSha256: headers.contentSha256,
  }
}

const queryNames = new Set([
  'X-Amz-Algorithm',
  'X-Amz-Content-Sha256',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-Signature',
  'X-Amz-SignedHeaders',
])

function fromQuery(query: Parameters, headers: OwnHeaders, service: string): Claim {
  const malformed = (why: string) => new Fault('AuthorizationQueryParametersError', why)
  const found = new Map<string, string>()
  for (const [name, value] of query) {
    if (!queryNames.has(name)) continue
    if (found.has(name)) throw malformed(`The query parameter ${name} is there more than once`)
    // In canonical encoding, which decodeURIComponent takes unless it is no UTF-8.
    found.set(name, value.includes('%') ? decodeOr(value, '') : value)
  }
  const algorithm = found.get('X-Amz-Algorithm')
  if (algorithm !== undefined && algorithm !== 'AWS4-HMAC-SHA256') {
    throw malformed('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"')
  }
  const credential = found.get('X-Amz-Credential')
  const date = found.get('X-Amz-Date')
  const expires = found.get('X-Amz-Expires')
  const list = found.get('X-Amz-SignedHeaders')
  const signature = found.get('X-Amz-Signature')
  if (
    algorithm === undefined ||
    credential === undefined ||
    date === undefined ||
    expires === undefined ||
    list === undefined ||
    signature === undefined
  ) {
    throw malformed(
      'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, ' +
        'X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.',
    )
  }
  const time = parseIsoDate(date)
  if (time === undefined) {
    throw malformed("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
  }
  if (/^-\d+$/.test(expires)) throw malformed('X-Amz-Expires must be non-negative')
  if (!/^\d+$/.test(expires)) throw malformed('X-Amz-Expires should be a number')
  const seconds = Number(expires)
  if (seconds > longest) {
    throw malformed(
      `X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than ${longest} seconds`,
    )
  }
  if (seconds === 0) throw malformed('X-Amz-Expires must be at least 1 second')
  const signed = parseSignedHeaders(list)
  if (signed === undefined) throw malformed('X-Amz-SignedHeaders is no list of header names')
  const { accessKeyId, scope, day, region } = readScope(credential, date, service, (why) =>
    malformed(`Error parsing the X-Amz-Credential parameter; ${why}`),
  )
  return {
    presigned: true,
    accessKeyId,
    scope,
    day,
    region,
    signed,
    signature,
    date,
    time,
    expires: seconds,
    contentSha256: headers.contentSha256 ?? found.get('X-Amz-Content-Sha256'),
  }
}

function decodeOr(text: string, otherwise: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return otherwise
  }
}

interface Scope {
  readonly accessKeyId: string
  readonly scope: string
  readonly day: string
  readonly region: string
  readonly service: string
}

/** Credentials repeat all day long: the well-formed ones that came lately, parsed. */
const scopes = new LRUCache<string, Scope>({ max: 256 })

function readScope(
  credential: string,
  date: string,
  service: string,
  malformed: (why: string) => Fault,
): Scope {
  let scope = scopes.get(credential)
  if (scope === undefined) {
    scope = parseScope(credential, malformed)
    scopes.set(credential, scope)
  }
  if (scope.service !== service) {
    throw malformed(`incorrect service. This endpoint belongs to "${service}".`)
  }
  if (!date.startsWith(scope.day)) {
    throw malformed(
      `Invalid credential date "${scope.day}". This date is not the same as X-Amz-Date: "${date.slice(0, 8)}".`,
    )
  }
  return scope
}

function parseScope(credential: string, malformed: (why: string) => Fault): Scope {
  const [accessKeyId, day, region, service, end, ...more] = credential.split('/')
  if (
    !accessKeyId ||
    !day ||
    !region ||
    !service ||
    !/^[A-Za-z0-9]{1,128}$/.test(accessKeyId) ||
    !/^\d{8}$/.test(day) ||
    !/^[A-Za-z0-9_-]{1,64}$/.test(region) ||
    service.length > 64 ||
    more.length > 0
  ) {
    throw malformed(
      'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
    )
  }
  if (end !== 'aws4_request') {
    throw malformed('incorrect terminal. This endpoint uses "aws4_request".')
  }
  return { accessKeyId, day, region, service, scope: credential.slice(accessKeyId.length + 1) }
}

let lastText = ''
let lastTime: number | undefined

/** `20150830T123600Z` in milliseconds since the epoch; undefined for any other form. Requests come many a second. */
function parseIsoDate(text: string): number | undefined {
  if (text !== lastText) {
    lastTime = readIsoDate(text)
    lastText = text
  }
  return lastTime
}

function readIsoDate(text: string): number | undefined {
  if (!/^\d{8}T\d{6}Z$/.test(text)) return undefined
  const part = (from: number, to: number) => Number(text.slice(from, to))
  const month = part(4, 6)
  const day = part(6, 8)
  const [hour, minute, second] = [part(9, 11), part(11, 13), part(13, 15)]
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
    return undefined
  return Date.UTC(part(0, 4), month - 1, day, hour, minute, second)
}

/** The Date header: an HTTP date (RFC 9110, 5.6.7), or the long form that some clients put there. */
function parseHttpDate(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const long = parseIsoDate(text)
  if (long !== undefined) return long
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text)) return undefined
  const time = Date.parse(text)
  return Number.isNaN(time) ? undefined : time
}

/** Milliseconds since the epoch as `20150830T123600Z`. */
export const isoDate = (time: number): string => new Date(time).toISOString().replace(/[-:]|\.\d{3}/g, '')
