/**
 * AWS Signature Version 4, the verifying side: in the Authorization header and in the query (presigned).
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
 *
 * A signature opens nothing by itself: it says whose request this is, and that method, path, query, host and
 * every x-amz- header are what that user signed. No verdict is kept from one request to the next; only the
 * signing key of a (user, day, region) is, while the caller's user record lives.
 */
import { hash, timingSafeEqual } from 'node:crypto'
import { Fault } from '../errors.ts'
import { LRUCache } from '../lru.ts'
import {
  canonicalPath,
  canonicalQuery,
  canonicalValue,
  parseQuery,
  splitTarget,
  type Headers,
} from './canonical.ts'
import { isoDate, readClaim, type Claim } from './sigv4-claim.ts'
import { parsePayload, type Payload } from './sigv4-payload.ts'
import { Latin1 } from './latin1.ts'
import { deriveSigningKey, type SigningKey } from './signing-key.ts'

/** What was received, as Node's parser gives it. */
export interface ReceivedRequest {
  readonly method: string
  /** The raw request target. */
  readonly target: string
  readonly headers: Headers
  /** Milliseconds since the epoch. */
  readonly now: number
}

export interface Verified<User> {
  readonly user: User
  readonly presigned: boolean
  /** Of the scope. */
  readonly region: string
  readonly payload: Payload
}

export interface VerifierOptions<User extends object> {
  /** Who an access key id stands for, now. Asked at each request. */
  readonly lookup: (accessKeyId: string) => User | undefined
  /** Asked once for a user record, day and region. Undefined refuses the user. */
  readonly secretOf: (user: User) => string | undefined
  /** The region that the scope must name, or undefined where any will do. */
  readonly regionOf?: (user: User) => string | undefined
  /** `s3` unless told; another service has none of S3's rules on x-amz-content-sha256 and x-amz- headers. */
  readonly service?: string
  /** Hash of the payload for a service whose requests don't carry one. */
  readonly payloadHash?: string
}

/** ±15 minutes. */
const maximumSkew = 15 * 60 * 1000
/** Regions and days that are kept for a user. */
const keysPerUser = 8

export class Verifier<User extends object> {
  readonly #options: VerifierOptions<User>
  readonly #service: string
  readonly #keys = new WeakMap<User, LRUCache<string, SigningKey>>()

  constructor(options: VerifierOptions<User>) {
    this.#options = options
    this.#service = options.service ?? 's3'
  }

  /**
   * Says who signed a request. Throws the Fault that S3 answers: AccessDenied for a request that isn't signed,
   * has expired or leaves headers out of its signature, SignatureDoesNotMatch, InvalidAccessKeyId,
   * RequestTimeTooSkewed, AuthorizationHeaderMalformed, AuthorizationQueryParametersError, InvalidArgument,
   * InvalidRequest, InvalidURI.
   */
  verify(request: ReceivedRequest): Verified<User> {
    const { path, query } = splitTarget(request.target)
    const parameters = parseQuery(query)
    const { headers } = request
    const claim = readClaim(headers, parameters, this.#service)
    checkTime(claim, request.now)
    const user = this.#options.lookup(claim.accessKeyId)
    if (user === undefined) throw unknownKey(claim)
    this.#checkRegion(claim, user)
    const payload = this.#payloadHash(claim)
    const canonical =
      `${request.method}\n${canonicalPath(path)}\n` +
      `${canonicalQuery(parameters, claim.presigned ? 'X-Amz-Signature' : undefined)}\n` +
      `${this.#canonicalHeaders(headers, claim)}\n${claim.signed.list}\n${payload}`
    const stringToSign = `AWS4-HMAC-SHA256\n${claim.date}\n${claim.scope}\n${sha256(canonical)}`
    const keys = this.#keys.get(user)
    let key = keys?.get(claim.scope)
    if (key === undefined) {
      const secret = this.#options.secretOf(user)
      if (secret === undefined) throw unknownKey(claim)
      key = deriveSigningKey(secret, claim.day, claim.region, this.#service)
    }
    if (!sameSignature(key.sign(stringToSign), claim.signature)) {
      throw mismatch(claim, stringToSign, canonical)
    }
    if (keys?.get(claim.scope) === undefined) this.#keep(user, claim.scope, key)
    return {
      user,
      presigned: claim.presigned,
      region: claim.region,
      payload: parsePayload(payload),
    }
  }

  /** Only after a signature was right: a stranger who knows an access key id fills no memory. */
  #keep(user: User, scope: string, key: SigningKey): void {
    let keys = this.#keys.get(user)
    if (keys === undefined) this.#keys.set(user, (keys = new LRUCache({ max: keysPerUser })))
    keys.set(scope, key)
  }

  #checkRegion(claim: Claim, user: User): void {
    const expected = this.#options.regionOf?.(user)
    if (expected === undefined || expected === claim.region) return
    if (claim.presigned) {
      throw new Fault(
        'AuthorizationQueryParametersError',
        `Error parsing the X-Amz-Credential parameter; the region '${claim.region}' is wrong; expecting '${expected}'`,
        { details: { Region: expected } },
      )
    }
    throw new Fault(
      'AuthorizationHeaderMalformed',
      `The authorization header is malformed; the region '${claim.region}' is wrong; expecting '${expected}'`,
      { details: { Region: expected } },
    )
  }

  /** What stands in the canonical request's last line. */
  #payloadHash(claim: Claim): string {
    if (claim.contentSha256 !== undefined) return claim.contentSha256
    if (this.#options.payloadHash !== undefined) return this.#options.payloadHash
    if (claim.presigned) return 'UNSIGNED-PAYLOAD'
    throw new Fault('InvalidRequest', 'Missing required header for this request: x-amz-content-sha256')
  }

  #canonicalHeaders(headers: Headers, { signed }: Claim): string {
    const values = new Array<string | undefined>(signed.names.length)
    let unsigned: string[] | undefined
    for (let i = 0; i < headers.names.length; i++) {
      const name = headers.names[i]!
      const at = signed.index.get(name)
      if (at !== undefined) {
        const value = canonicalValue(headers.values[i]!)
        values[at] = values[at] === undefined ? value : `${values[at]},${value}`
      } else if (name.startsWith('x-amz-') || name === 'host') {
        ;(unsigned ??= []).push(name)
      }
    }
    if (unsigned !== undefined && (this.#service === 's3' || unsigned.includes('host'))) {
      throw new Fault('AccessDenied', 'There were headers present in the request which were not signed', {
        details: { HeadersNotSigned: unsigned.join(', ') },
      })
    }
    if (!signed.index.has('host')) {
      throw new Fault('AccessDenied', 'The host header must be signed', {
        details: { HeadersNotSigned: 'host' },
      })
    }
    let text = ''
    for (let i = 0; i < signed.names.length; i++) text += `${signed.names[i]}:${values[i] ?? ''}\n`
    return text
  }
}

function checkTime(claim: Claim, now: number): void {
  if (claim.presigned) {
    if (claim.time - now > maximumSkew) {
      throw new Fault('AccessDenied', 'Request is not valid yet', {
        details: { ServerTime: new Date(now).toISOString() },
      })
    }
    const end = claim.time + claim.expires * 1000
    if (now > end) {
      throw new Fault('AccessDenied', 'Request has expired', {
        details: {
          'X-Amz-Expires': String(claim.expires),
          Expires: new Date(end).toISOString(),
          ServerTime: new Date(now).toISOString(),
        },
      })
    }
  } else if (Math.abs(now - claim.time) > maximumSkew) {
    throw new Fault('RequestTimeTooSkewed', undefined, {
      details: {
        RequestTime: claim.date,
        ServerTime: isoDate(now),
        MaxAllowedSkewMilliseconds: String(maximumSkew),
      },
    })
  }
}

const scratch = new Latin1(4096)

/** `text` is latin1: hashed as a string, it would be as UTF-8. */
const sha256 = (text: string): string => hash('sha256', scratch.bytesOf(text), 'hex')

const ours = Buffer.alloc(64)
const theirs = Buffer.alloc(64)

function sameSignature(computed: string, claimed: string): boolean {
  if (claimed.length !== 64) return false
  ours.write(computed, 'latin1')
  theirs.write(claimed, 'latin1')
  return timingSafeEqual(ours, theirs)
}

/** An access key id is no secret: that it is unknown may be seen, as at AWS. */
const unknownKey = (claim: Claim) =>
  new Fault('InvalidAccessKeyId', undefined, { details: { AWSAccessKeyId: claim.accessKeyId } })

/** Everything in it came from the client, who can compare it with what it computed itself. */
const mismatch = (claim: Claim, stringToSign: string, canonical: string) =>
  new Fault('SignatureDoesNotMatch', undefined, {
    details: {
      AWSAccessKeyId: claim.accessKeyId,
      StringToSign: stringToSign,
      CanonicalRequest: canonical.slice(0, 8192),
    },
  })
