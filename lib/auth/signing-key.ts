/**
 * HMAC-SHA256 for SigV4. The key's two padded blocks are kept, so that a signature costs two one-shot
 * hashes: half of what createHmac costs, even with a KeyObject.
 */
import { createHmac, hash } from 'node:crypto'
import { Latin1 } from './latin1.ts'

const block = 64

export class SigningKey {
  /** The inner block, and room for a message behind it. */
  readonly #inner: Latin1
  /** The outer block, and room for the inner hash behind it. */
  readonly #outer: Latin1

  /** `key` is at most 64 bytes, as every key that SigV4 derives. */
  constructor(key: Uint8Array) {
    if (key.length > block) throw new RangeError('an HMAC key of more than one block')
    const padded = (by: number) => Uint8Array.from({ length: block }, (_, i) => (key[i] ?? 0) ^ by)
    this.#inner = new Latin1(512, padded(0x36))
    this.#outer = new Latin1(32, padded(0x5c))
  }

  /** `message` is latin1: each code unit one byte. Lowercase hex. */
  sign(message: string): string {
    return hash('sha256', this.#outer.bytesOf(hash('sha256', this.#inner.bytesOf(message), 'binary')), 'hex')
  }
}

const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()

/**
 * The key for one secret, day, region and service.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export function deriveSigningKey(secret: string, date: string, region: string, service: string): SigningKey {
  const forService = hmac(hmac(hmac(`AWS4${secret}`, date), region), service)
  return new SigningKey(hmac(forService, 'aws4_request'))
}
