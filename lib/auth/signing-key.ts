/**
 * HMAC-SHA256 for SigV4. The key's two padded blocks are kept, so that a signature costs two one-shot
 * hashes: half of what createHmac costs, even with a KeyObject.
 */
import { createHmac, hash } from 'node:crypto'

const block = 64
const room = 512

export class SigningKey {
  /** The inner block, and room for a message behind it. */
  readonly #inner = Buffer.alloc(block + room)
  readonly #outer = Buffer.alloc(block + 32)

  /** `key` is at most 64 bytes, as every key that SigV4 derives. */
  constructor(key: Uint8Array) {
    if (key.length > block) throw new RangeError('an HMAC key of more than one block')
    for (let i = 0; i < block; i++) {
      const byte = key[i] ?? 0
      this.#inner[i] = byte ^ 0x36
      this.#outer[i] = byte ^ 0x5c
    }
  }

  /** `message` is latin1: each code unit one byte. Lowercase hex. */
  sign(message: string): string {
    let inner = this.#inner
    if (message.length > room) {
      inner = Buffer.alloc(block + message.length)
      inner.set(this.#inner.subarray(0, block))
    }
    const length = inner.write(message, block, 'latin1')
    this.#outer.write(hash('sha256', inner.subarray(0, block + length), 'binary'), block, 'latin1')
    return hash('sha256', this.#outer, 'hex')
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
