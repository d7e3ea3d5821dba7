/**
 * What share links are signed with, and checked by: Ed25519 (RFC 8032), so that who checks a link can make none. The
 * private key is derived from a key of the keyring, the public one goes to the doors.
 */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import type { Keyring } from './keyring.ts'

/** A public key as it travels: `x` of RFC 8037, base64url. */
export interface LinkKeyRecord {
  /** Of the keyring's key that it derives from. */
  readonly id: string
  readonly x: string
}

/** PKCS #8 around 32 bytes of an Ed25519 key (RFC 8410, section 7). */
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex')

/** Undefined where the keyring has no such key. */
export function linkSigner(keyring: Keyring, id: string): KeyObject | undefined {
  const seed = keyring.derive(id, 'link')
  if (seed === undefined) return undefined
  return createPrivateKey({ key: Buffer.concat([pkcs8, seed]), format: 'der', type: 'pkcs8' })
}

/** Of every key of the keyring. */
export const linkKeyRecords = (keyring: Keyring): readonly LinkKeyRecord[] =>
  keyring.list().flatMap(({ id }) => {
    const signer = linkSigner(keyring, id)
    const x = signer === undefined ? undefined : createPublicKey(signer).export({ format: 'jwk' }).x
    return x === undefined ? [] : [{ id, x }]
  })

export const linkKey = ({ x }: LinkKeyRecord): KeyObject =>
  createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
