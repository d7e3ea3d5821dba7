/** What x-amz-content-sha256 says of a request's body. */
import { Fault } from '../errors.ts'

export type Payload =
  | { readonly kind: 'unsigned' }
  /** Lowercase hex of the whole body's SHA-256. */
  | { readonly kind: 'sha256'; readonly hex: string }
  /** aws-chunked; `signed` when each chunk is, `trailer` when a trailer follows the last one. */
  | { readonly kind: 'streaming'; readonly signed: boolean; readonly trailer: boolean }

export const emptySha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

const unsigned: Payload = { kind: 'unsigned' }
const empty: Payload = { kind: 'sha256', hex: emptySha256 }
const streaming = new Map<string, Payload>([
  ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD', { kind: 'streaming', signed: true, trailer: false }],
  ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', { kind: 'streaming', signed: true, trailer: true }],
  ['STREAMING-UNSIGNED-PAYLOAD-TRAILER', { kind: 'streaming', signed: false, trailer: true }],
])

/** Throws InvalidArgument for anything else. */
export function parsePayload(value: string): Payload {
  if (value === 'UNSIGNED-PAYLOAD') return unsigned
  if (value === emptySha256) return empty
  if (/^[0-9a-fA-F]{64}$/.test(value)) return { kind: 'sha256', hex: value.toLowerCase() }
  const mode = streaming.get(value)
  if (mode !== undefined) return mode
  throw new Fault(
    'InvalidArgument',
    'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, ' +
      'STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.',
    { details: { ArgumentName: 'x-amz-content-sha256' } },
  )
}

/** For a request without a body. Throws XAmzContentSHA256Mismatch when another body was signed. */
export function requireEmptyPayload(payload: Payload): void {
  if (payload.kind !== 'sha256' || payload.hex === emptySha256) return
  throw new Fault('XAmzContentSHA256Mismatch', undefined, {
    details: { ClientComputedContentSHA256: payload.hex, S3ComputedContentSHA256: emptySha256 },
  })
}
