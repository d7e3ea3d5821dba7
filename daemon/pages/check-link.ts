/**
 * Whether a share link is ours: by public keys in this process. Links of version 1, which the doors can't check, are
 * asked of control, for as long as one that was made can live; strangers can't have it asked much at a time.
 */
import type { DoorKeys } from '../../lib/auth/door-keys.ts'
import {
  readShare,
  requireUnexpired,
  shareSeconds,
  type ClaimedShare,
  type Share,
} from '../../lib/auth/share.ts'
import { Fault } from '../../lib/errors.ts'
import { LRUCache } from '../../lib/lru.ts'

/** Links that were found to be ours, so that a download in a thousand pieces is checked once. */
const mostKnown = 1_000
/** Links of version 1 that control is asked about at a time. */
const mostAsked = 8
/** Of those that it refused, and milliseconds that they are remembered. */
const mostRefused = 1_000
const refusedFor = 10_000

export class LinkChecker {
  readonly #keys: () => DoorKeys
  readonly #askOld: (rawPath: string) => Promise<unknown>
  /** By raw path; forgotten when the keys are replaced, since one may have been retired. */
  readonly #known = new LRUCache<string, Share>({ max: mostKnown })
  #knownBy: DoorKeys | undefined
  readonly #refused = new LRUCache<string, true>({ max: mostRefused, ttl: refusedFor })
  #asked = 0

  /** `askOld` has control check a link of version 1: it rejects with ShareInvalid for one that isn't ours. */
  constructor(keys: () => DoorKeys, askOld: (rawPath: string) => Promise<unknown>) {
    this.#keys = keys
    this.#askOld = askOld
  }

  /** Throws ShareInvalid, ShareExpired; of old links also ServiceUnavailable. `now`: milliseconds since the epoch. */
  async check(rawPath: string, now: number): Promise<Share> {
    const keys = this.#keys()
    if (keys !== this.#knownBy) {
      this.#known.clear()
      this.#knownBy = keys
    }
    const known = this.#known.get(rawPath)
    if (known !== undefined) {
      requireUnexpired(known, now)
      return known
    }
    const share = readShare(rawPath)
    if (share.version === 1) await this.#checkOld(share, rawPath, keys, now)
    else keys.links.require(share)
    const { diskId, path, expires } = share
    if (keys === this.#knownBy) this.#known.set(rawPath, { diskId, path, expires })
    requireUnexpired(share, now)
    return share
  }

  async #checkOld(share: ClaimedShare, rawPath: string, keys: DoorKeys, now: number): Promise<void> {
    const latest = Math.min(keys.oldLinksUntil, now / 1000 + shareSeconds.longest)
    // What control would refuse anyway isn't asked of it.
    if (!keys.links.knows(share.keyId) || share.expires > latest || this.#refused.has(rawPath))
      throw new Fault('ShareInvalid')
    if (this.#asked >= mostAsked)
      throw new Fault('ServiceUnavailable', 'Too many old links are being checked.', {
        headers: { 'Retry-After': '1' },
      })
    this.#asked++
    try {
      await this.#askOld(rawPath)
    } catch (thrown) {
      if (thrown instanceof Fault && thrown.code === 'ShareInvalid') this.#refused.set(rawPath, true)
      throw thrown
    } finally {
      this.#asked--
    }
  }
}
