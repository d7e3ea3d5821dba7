/**
 * What the doors are told of the keyring, and no key of it: public keys that check links, and what seals their
 * continuation tokens. Who has all of it can make no link and no S3 secret.
 */
import type { Keyring } from './keyring.ts'
import { linkKeyRecords, type LinkKeyRecord } from './link-keys.ts'
import { LinkVerifier } from './share.ts'

/** As it travels over IPC. Secret. */
export interface DoorKeysRecord {
  readonly links: readonly LinkKeyRecord[]
  /** Seconds since the epoch: links of version 1 that expire later were never made. */
  readonly oldLinksUntil: number
  /** Keys of 32 bytes, base64, by the id of the keyring's key that each derives from. */
  readonly tokens: { readonly current: string; readonly keys: Readonly<Record<string, string>> }
}

export interface TokenKeys {
  readonly current: string
  of(id: string): Buffer | undefined
}

export interface DoorKeys {
  readonly links: LinkVerifier
  readonly oldLinksUntil: number
  readonly tokens: TokenKeys
}

export function doorKeysRecord(keyring: Keyring, oldLinksUntil: number): DoorKeysRecord {
  const keys = keyring.list().flatMap(({ id }) => {
    const key = keyring.derive(id, 'continuation-token')
    return key === undefined ? [] : [[id, key.toString('base64')] as const]
  })
  return {
    links: linkKeyRecords(keyring),
    oldLinksUntil,
    tokens: { current: keyring.current, keys: Object.fromEntries(keys) },
  }
}

export function doorKeys({ links, oldLinksUntil, tokens }: DoorKeysRecord): DoorKeys {
  const keys = new Map(Object.entries(tokens.keys).map(([id, key]) => [id, Buffer.from(key, 'base64')]))
  return {
    links: new LinkVerifier(links),
    oldLinksUntil,
    tokens: { current: tokens.current, of: (id) => keys.get(id) },
  }
}
