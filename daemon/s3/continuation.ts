/**
 * Continuation tokens: where a listing goes on, sealed with a key of their own, so that nobody comes by a token but
 * from a page of this very listing. It stays valid as long as its key, restarts included.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { TokenKeys } from '../../lib/auth/door-keys.ts'
import { parseKeyId } from '../../lib/auth/keyring.ts'
import { Fault } from '../../lib/errors.ts'

/** What a token is bound to: a page of another listing is no place to go on from. */
export interface Listing {
  readonly diskId: string
  readonly prefix: string
  readonly delimited: boolean
}

const keyBytes = 4
const macBytes = 16

/** Key id, MAC, then the last name that the page before showed; base64url. */
export function sealToken(keys: TokenKeys, listing: Listing, last: string): string {
  const id = keys.current
  const mac = macOf(keys, id, listing, last)
  if (mac === undefined) throw new Error('the current key derives nothing')
  return Buffer.concat([Buffer.from(id, 'hex'), mac, Buffer.from(last)]).toString('base64url')
}

/** The name that the next page comes after. Throws InvalidArgument. */
export function openToken(keys: TokenKeys, listing: Listing, token: string): string {
  const bytes = Buffer.from(token, 'base64url')
  const id = parseKeyId(bytes.toString('hex', 0, keyBytes))
  const last = bytes.toString('utf8', keyBytes + macBytes)
  const given = bytes.subarray(keyBytes, keyBytes + macBytes)
  const mac = id === undefined ? undefined : macOf(keys, id, listing, last)
  if (
    mac === undefined ||
    given.length !== macBytes ||
    !timingSafeEqual(mac, given) ||
    bytes.toString('base64url') !== token
  )
    throw new Fault('InvalidArgument', 'The continuation token provided is incorrect', {
      details: { ArgumentName: 'continuation-token' },
    })
  return last
}

function macOf(keys: TokenKeys, id: string, listing: Listing, last: string): Buffer | undefined {
  const key = keys.of(id)
  if (key === undefined) return undefined
  const text = JSON.stringify([listing.diskId, listing.prefix, listing.delimited, last])
  return createHmac('sha256', key).update(text).digest().subarray(0, macBytes)
}
