/** S3 access keys: ids that mean nothing, and secrets that are derived whenever they are needed. */
import { createHmac, randomBytes } from 'node:crypto'
import type { S3User } from '../disk.ts'
import type { Keyring } from './keyring.ts'

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** 20 characters of A-Z and 2-7, as AWS's own, of which 80 bits are random. Never reused. */
export function newAccessKeyId(): string {
  return 'TWOF' + Array.from(randomBytes(16), (byte) => alphabet[byte & 31]).join('')
}

/**
 * The secret access key of a user: 40 characters of 0-9 and a-z (206 bits), which pass unquoted through
 * shells, URLs and configuration files. Undefined when the key that it derives from is retired.
 */
export function secretOf(
  keyring: Keyring,
  user: Pick<S3User, 'accessKeyId' | 'diskId' | 'keyId'>,
): string | undefined {
  const key = keyring.derive(user.keyId, 's3-secret')
  if (key === undefined) return undefined
  const mac = createHmac('sha256', key).update(`${user.accessKeyId} ${user.diskId}`).digest('hex')
  return BigInt(`0x${mac}`).toString(36).padStart(50, '0').slice(-40)
}
