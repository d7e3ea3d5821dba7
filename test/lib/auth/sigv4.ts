import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { Fault } from '../../../lib/errors.ts'
import { splitHeaders } from '../../../lib/auth/canonical.ts'
import {
  Verifier,
  type ReceivedRequest,
  type Verified,
  type VerifierOptions,
} from '../../../lib/auth/sigv4.ts'
import { requireEmptyPayload } from '../../../lib/auth/sigv4-payload.ts'
import { presign, signHeaders, type ToSign } from '../../fixtures/sign.ts'

interface Vector {
  name: string
  kind: 'header' | 'query' | 'chunked'
  method: string
  target: string
  headers: [string, string][]
  body: string
  now: string
  service: string
  accessKeyId: string
  secret: string
  /** A session token that was added behind the signature, which S3 has no form of. */
  tokenOutsideSignature?: boolean
  canonicalRequest?: string
  stringToSign?: string
}

const file = new URL('../../../../test/fixtures/sigv4/vectors.json', import.meta.url)
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vector[]
/** As Node's parser gives text: each byte a code unit. */
const latin1 = (text: string) => Buffer.from(text).toString('latin1')

/** With the headers as they stand in the request: name, value, name, value, … */
interface RawRequest extends Omit<ReceivedRequest, 'headers'> {
  readonly rawHeaders: readonly string[]
}

class RawVerifier<User extends object> {
  readonly #verifier: Verifier<User>

  constructor(options: VerifierOptions<User>) {
    this.#verifier = new Verifier(options)
  }

  verify({ method, target, rawHeaders, now }: RawRequest): Verified<User> {
    return this.#verifier.verify({ method, target, headers: splitHeaders(rawHeaders), now })
  }
}

t.test('the published vectors', async (t) => {
  for (const vector of vectors) {
    if (vector.tokenOutsideSignature && vector.kind === 'query') {
      t.comment(`${vector.name} is skipped: S3 signs every query parameter`)
      continue
    }
    const user = {}
    const verifier = new RawVerifier({
      service: vector.service,
      lookup: (id) => (id === vector.accessKeyId ? user : undefined),
      secretOf: () => vector.secret,
      ...(vector.service === 's3'
        ? {}
        : { payloadHash: createHash('sha256').update(vector.body).digest('hex') }),
    })
    const request: RawRequest = {
      method: vector.method,
      target: latin1(vector.target),
      rawHeaders: vector.headers.flat().map(latin1),
      now: Date.parse(vector.now),
    }
    t.equal(verifier.verify(request).user, user, vector.name)
    const lower = (text: string) => text.replace(/[0-9a-f](?=[^0-9a-f]*$)/, (c) => (c === '0' ? '1' : '0'))
    const altered =
      vector.kind === 'query'
        ? {
            ...request,
            target: request.target.replace(/(X-Amz-Signature=)([0-9a-f]+)/, (_, a, b) => a + lower(b)),
          }
        : {
            ...request,
            rawHeaders: request.rawHeaders.map((value, i, all) =>
              all[i - 1]?.toLowerCase() === 'authorization' ? lower(value) : value,
            ),
          }
    t.throws(() => verifier.verify(altered), { code: 'SignatureDoesNotMatch' }, `${vector.name}, altered`)
    t.throws(
      () => verifier.verify({ ...request, method: vector.method === 'GET' ? 'HEAD' : 'GET' }),
      { code: 'SignatureDoesNotMatch' },
      `${vector.name} with another method`,
    )
    try {
      verifier.verify({ ...altered })
    } catch (thrown) {
      if (!(thrown instanceof Fault) || vector.stringToSign === undefined) continue
      t.equal(thrown.details['StringToSign'], vector.stringToSign)
      t.equal(thrown.details['CanonicalRequest'], latin1(vector.canonicalRequest ?? ''))
    }
  }
  t.ok(vectors.length > 60)
})

const signer = { accessKeyId: 'TWOFABCDEFGHIJKLMNOP', secretAccessKey: 'not-a-secret' }
const user = { name: 'u' }
const now = new Date('2026-03-01T12:00:00Z')
const verifier = new RawVerifier({
  lookup: (id) => (id === signer.accessKeyId ? user : undefined),
  secretOf: () => signer.secretAccessKey,
})
const host: [string, string] = ['Host', '127.0.0.1:9010']

const received = (target: string, headers: [string, string][], at = now, method = 'GET') => ({
  method,
  target,
  rawHeaders: headers.flat(),
  now: at.getTime(),
})
const inHeader = (more: Partial<ToSign> = {}, sent: Partial<RawRequest> = {}, by = {}) => {
  const request = { target: '/disk/key', headers: [host], now, ...more }
  const headers = signHeaders({ ...signer, ...by }, request)
  return { ...received(request.target, headers, now, request.method), ...sent }
}
const inQuery = (more: Partial<ToSign> = {}, expires: number | string = 60, at = now, by = {}) => {
  const request = { target: '/disk/key', headers: [host], now, ...more }
  const { headers, method } = request
  return received(presign({ ...signer, ...by }, request, expires), headers, at, method)
}
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000)
const code = (
  t: Test,
  request: RawRequest,
  code: string,
  message?: RegExp,
  on: { verify(request: RawRequest): unknown } = verifier,
) => {
  t.throws(() => on.verify(request), { code, ...(message && { message }) }, `${code} ${request.target}`)
}

t.test('a path is decoded once and encoded strictly', async (t) => {
  for (const path of ['/d/a%20b', '/d/a+b', '/d/a=b(c)', "/d/a'!*b", '/d/%2525', '/d/%c3%a9', '/d/%C3%A9']) {
    t.equal(verifier.verify(inHeader({ target: path })).user, user, path)
    t.equal(verifier.verify(inQuery({ target: path })).user, user, path)
  }
  const raw = inHeader({ target: '/d/%3D%28' })
  t.equal(verifier.verify({ ...raw, target: '/d/=(' }).user, user, 'raw = and (')
  code(t, inHeader({}, { target: '/d/%zz' }), 'InvalidURI')
  code(t, inHeader({}, { target: '/d/%4' }), 'InvalidURI')
  code(t, inHeader({}, { target: '*' }), 'InvalidURI')
  code(t, inHeader({}, { target: '/disk/key#fragment' }), 'InvalidURI')
  t.ok(verifier.verify(inHeader({}, { target: 'http://other:1/disk/key' })), 'the absolute form')
  code(t, inHeader({}, { target: '/disk//key' }), 'SignatureDoesNotMatch')
  code(t, inHeader({}, { target: '/disk/./key' }), 'SignatureDoesNotMatch')
})

t.test('a query is sorted by name and then by value', async (t) => {
  for (const query of [
    'a-b=1&a=2',
    'a=2&a=1&a',
    'prefix=a+b',
    'prefix=a%20b',
    'prefix=a%2Bb',
    'x=a/b',
    '',
    '&&',
  ]) {
    t.ok(verifier.verify(inHeader({ target: `/d?${query}` })), query)
    t.ok(verifier.verify(inQuery({ target: `/d?${query}` })), query)
  }
  code(t, inHeader({ target: '/d?a=1' }, { target: '/d?a=2' }), 'SignatureDoesNotMatch')
  code(t, inHeader({ target: '/d' }, { target: '/d?x' }), 'SignatureDoesNotMatch')
})

t.test('headers count as they were sent', async (t) => {
  const headers: [string, string][] = [
    host,
    ['X-Amz-Meta-Name', latin1('  héllo   wörld ')],
    ['a', '1'],
    ['a', '2'],
  ]
  t.ok(verifier.verify(inHeader({ headers })))
  const request = inHeader({ headers })
  code(
    t,
    { ...request, rawHeaders: request.rawHeaders.map((v) => (v === '2' ? '3' : v)) },
    'SignatureDoesNotMatch',
  )
  code(
    t,
    inHeader({ headers: [host, ['x-amz-acl', 'private']], unsigned: ['x-amz-acl'] }),
    'AccessDenied',
    /not signed/,
  )
  code(
    t,
    inQuery({ headers: [host, ['x-amz-acl', 'private']], unsigned: ['x-amz-acl'] }),
    'AccessDenied',
    /not signed/,
  )
  code(t, inHeader({ unsigned: ['x-amz-content-sha256'] }), 'AccessDenied', /not signed/)
  code(t, inHeader({ headers: [host, ['b', '1']], unsigned: ['host'] }), 'AccessDenied', /not signed/)
  code(t, inHeader({ headers: [['b', '1']] }), 'AccessDenied', /must be signed/)
  t.ok(verifier.verify(inHeader({ headers: [host, ['range', 'bytes=0-1']], unsigned: ['range'] })))
  for (const name of ['Host', 'x-amz-date', 'X-Amz-Content-Sha256', 'authorization']) {
    const request = inHeader()
    code(
      t,
      { ...request, rawHeaders: [...request.rawHeaders, name, 'x'] },
      'InvalidArgument',
      /more than once/,
    )
  }
})

t.test('time', async (t) => {
  const at = (seconds: number) => inHeader({}, { now: later(seconds).getTime() })
  t.ok(verifier.verify(at(900)))
  t.ok(verifier.verify(at(-900)))
  code(t, at(901), 'RequestTimeTooSkewed')
  code(t, at(-901), 'RequestTimeTooSkewed')
  t.ok(verifier.verify(inQuery({}, 60, later(60))))
  code(t, inQuery({}, 60, later(61)), 'AccessDenied', /has expired/)
  t.ok(verifier.verify(inQuery({}, 604800, later(604800))))
  code(t, inQuery({}, 604801), 'AuthorizationQueryParametersError', /less than a week/)
  code(t, inQuery({}, 0), 'AuthorizationQueryParametersError')
  code(t, inQuery({}, -1), 'AuthorizationQueryParametersError', /non-negative/)
  code(t, inQuery({}, '1e3'), 'AuthorizationQueryParametersError', /should be a number/)
  code(t, inQuery({}, 60, later(-901)), 'AccessDenied', /not valid yet/)
  const dated = inHeader()
  const without = dated.rawHeaders.map((v) => (v === 'x-amz-date' ? 'x-other' : v))
  code(t, { ...dated, rawHeaders: without }, 'AccessDenied', /valid Date/)
  code(
    t,
    { ...dated, rawHeaders: dated.rawHeaders.map((v) => (v === '20260301T120000Z' ? 'today' : v)) },
    'AccessDenied',
    /valid Date/,
  )
})

t.test('a Date header stands in for x-amz-date', async (t) => {
  t.ok(verifier.verify(inHeader({ dateIn: 'date' })))
  t.ok(
    verifier.verify(inHeader({ dateIn: 'date', unsigned: ['date'] })),
    'the string to sign holds it anyway',
  )
  const moved = inHeader({ dateIn: 'date' })
  const rawHeaders = moved.rawHeaders.map((value) => value.replace('12:00:00 GMT', '12:00:01 GMT'))
  code(t, { ...moved, rawHeaders }, 'SignatureDoesNotMatch')
})

t.test('the scope', async (t) => {
  t.equal(verifier.verify(inHeader({}, {}, { region: 'eu-central-1' })).region, 'eu-central-1')
  code(t, inHeader({}, {}, { service: 'ec2' }), 'AuthorizationHeaderMalformed', /service/)
  code(t, inQuery({}, 60, now, { service: 'ec2' }), 'AuthorizationQueryParametersError', /service/)
  const strict = new RawVerifier({
    lookup: () => user,
    secretOf: () => signer.secretAccessKey,
    regionOf: () => 'local',
  })
  t.ok(strict.verify(inHeader()))
  code(t, inHeader({}, {}, { region: 'mars' }), 'AuthorizationHeaderMalformed', /expecting 'local'/, strict)
  code(
    t,
    inQuery({}, 60, now, { region: 'mars' }),
    'AuthorizationQueryParametersError',
    /expecting 'local'/,
    strict,
  )
  const request = inHeader()
  const swap = (from: RegExp, to: string) => ({
    ...request,
    rawHeaders: request.rawHeaders.map((v) => (v.startsWith('AWS4') ? v.replace(from, to) : v)),
  })
  code(t, swap(/20260301/, '20260228'), 'AuthorizationHeaderMalformed', /credential date/)
  code(t, swap(/aws4_request/, 'aws5_request'), 'AuthorizationHeaderMalformed')
  code(t, swap(/Credential=[^/]*/, 'Credential='), 'AuthorizationHeaderMalformed')
  code(t, swap(/TWOF/, 'NONE'), 'InvalidAccessKeyId')
  code(t, swap(/, Signature=.*/, ''), 'AuthorizationHeaderMalformed')
  code(t, swap(/, Signature=.*/, ', Signature=00'), 'SignatureDoesNotMatch')
  code(t, swap(/SignedHeaders=/, 'SignedHeaders=;'), 'AuthorizationHeaderMalformed')
  t.ok(verifier.verify(swap(/, /g, ',')), 'no space behind the commas')
  t.ok(verifier.verify(swap(/, /g, ',  ')), 'more of it than is needed')
  const signature = /Signature=(.{64})$/.exec(request.rawHeaders.at(-1) ?? '')?.[1] ?? ''
  // Each of them after a right one with the same beginning.
  for (const [end, refusal] of [
    [signature.replace(/^./, ','), 'AuthorizationHeaderMalformed'],
    [`${signature.slice(0, 50)},Region=mars..`, 'AuthorizationHeaderMalformed'],
    [signature.toUpperCase(), 'SignatureDoesNotMatch'],
    [` ${signature.slice(1)}`, 'SignatureDoesNotMatch'],
    [signature.slice(1), 'SignatureDoesNotMatch'],
    [`${signature}0`, 'SignatureDoesNotMatch'],
  ] as const) {
    t.ok(verifier.verify(request))
    code(t, swap(/Signature=.*/, `Signature=${end}`), refusal)
  }
})

t.test('who is nobody', async (t) => {
  code(t, received('/disk/key', [host]), 'AccessDenied', /not signed/)
  code(t, received('/disk/key', [host, ['Authorization', 'Basic eDp5']]), 'InvalidArgument', /Unsupported/)
  code(t, received('/disk/key', [host, ['Authorization', 'AWS AKID:c2ln']]), 'InvalidRequest', /local/)
  code(
    t,
    received('/disk/key?AWSAccessKeyId=A&Signature=c2ln&Expires=9999999999', [host]),
    'InvalidRequest',
    /AWS4-HMAC-SHA256/,
  )
  const both = inQuery()
  code(
    t,
    { ...both, rawHeaders: inHeader({ target: both.target }).rawHeaders },
    'InvalidArgument',
    /Only one auth/,
  )
  code(
    t,
    { ...both, target: `${both.target}&X-Amz-Date=20260301T120000Z` },
    'AuthorizationQueryParametersError',
    /more than once/,
  )
  code(
    t,
    { ...both, target: both.target.replace(/&X-Amz-Expires=\d+/, '') },
    'AuthorizationQueryParametersError',
    /requires/,
  )
  code(t, { ...both, method: 'HEAD' }, 'SignatureDoesNotMatch')
  const gone = new RawVerifier({ lookup: () => ({}), secretOf: () => undefined })
  code(t, inHeader(), 'InvalidAccessKeyId', undefined, gone)
})

t.test('payloads', async (t) => {
  const kind = (payload: string) => verifier.verify(inHeader({ payload })).payload
  t.same(kind('UNSIGNED-PAYLOAD'), { kind: 'unsigned' })
  t.same(kind('STREAMING-AWS4-HMAC-SHA256-PAYLOAD'), { kind: 'streaming', signed: true, trailer: false })
  t.same(kind('STREAMING-UNSIGNED-PAYLOAD-TRAILER'), { kind: 'streaming', signed: false, trailer: true })
  const hex = 'ab'.repeat(32)
  t.same(kind(hex), { kind: 'sha256', hex })
  t.throws(() => requireEmptyPayload(kind(hex)), { code: 'XAmzContentSHA256Mismatch' })
  t.doesNotThrow(() => requireEmptyPayload(kind(createHash('sha256').digest('hex'))))
  code(t, inHeader({ payload: 'none' }), 'InvalidArgument')
  const request = inHeader()
  const index = request.rawHeaders.indexOf('x-amz-content-sha256')
  code(
    t,
    { ...request, rawHeaders: request.rawHeaders.toSpliced(index, 2) },
    'InvalidRequest',
    /Missing required header/,
  )
})

t.test('a user that is looked up anew is verified with the secret of today', async (t) => {
  let record = { secret: signer.secretAccessKey }
  const rotating = new RawVerifier({ lookup: () => record, secretOf: (user) => user.secret })
  t.ok(rotating.verify(inHeader()))
  t.ok(rotating.verify(inHeader()))
  record = { secret: 'another' }
  code(t, inHeader(), 'SignatureDoesNotMatch', undefined, rotating)
})
