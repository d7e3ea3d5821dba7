/** INIT: what the kernel offers and what we take of it. 7.31 (Linux 5.4) is the least that we speak. */
import { errno } from '../../../lib/sys/errno.ts'
import { INIT, INIT2 } from './flags.ts'
import type { initOut } from './structs.ts'
import type { ValueOf } from './wire.ts'

export const MAJOR = 7
export const MINOR = 45
export const LEAST_MINOR = 31

export interface Offer {
  readonly major: number
  readonly minor: number
  readonly maxReadahead: number
  readonly flags: number
  /** 0 where the kernel has none (before 7.36). */
  readonly flags2: number
}

export interface Wishes {
  /** Locks come to us, not to the kernel. */
  readonly locks: boolean
  readonly passthrough: boolean
  /** How many stacked file systems may lie below: 1, or 2 where the root itself lies on a stacked one. */
  readonly stackDepth: number
  readonly maxWrite: number
}

/** `again`: the kernel is told our major version and asks once more. */
export type Settled =
  | { readonly kind: 'settled'; readonly out: ValueOf<typeof initOut> }
  | { readonly kind: 'again'; readonly out: ValueOf<typeof initOut> }
  | { readonly kind: 'refused'; readonly errno: number }

const wanted =
  INIT.ASYNC_READ |
  INIT.ATOMIC_O_TRUNC |
  INIT.BIG_WRITES |
  INIT.DONT_MASK |
  INIT.AUTO_INVAL_DATA |
  INIT.DO_READDIRPLUS |
  INIT.READDIRPLUS_AUTO |
  INIT.ASYNC_DIO |
  INIT.PARALLEL_DIROPS |
  INIT.POSIX_ACL |
  INIT.ABORT_ERROR |
  INIT.MAX_PAGES |
  INIT.CACHE_SYMLINKS |
  INIT.HANDLE_KILLPRIV_V2 |
  INIT.SETXATTR_EXT |
  INIT.INIT_EXT

const PAGE = 4096

const blank: ValueOf<typeof initOut> = {
  major: MAJOR,
  minor: MINOR,
  max_readahead: 0,
  flags: 0,
  max_background: 0,
  congestion_threshold: 0,
  max_write: 0,
  time_gran: 0,
  max_pages: 0,
  map_alignment: 0,
  flags2: 0,
  max_stack_depth: 0,
  request_timeout: 0,
}

export function negotiate(offer: Offer, wishes: Wishes): Settled {
  if (offer.major > MAJOR) return { kind: 'again', out: blank }
  if (offer.major < MAJOR || offer.minor < LEAST_MINOR) return { kind: 'refused', errno: errno.EPROTO }
  const flags = offer.flags & (wanted | (wishes.locks ? INIT.POSIX_LOCKS | INIT.FLOCK_LOCKS : 0))
  const extended = (flags & INIT.INIT_EXT) !== 0
  const offered2 = extended ? offer.flags2 : 0
  const flags2 = offered2 & (INIT2.HAS_EXPIRE_ONLY | (wishes.passthrough ? INIT2.PASSTHROUGH : 0))
  return {
    kind: 'settled',
    out: {
      ...blank,
      max_readahead: offer.maxReadahead,
      flags: flags >>> 0,
      max_background: 64,
      congestion_threshold: 48,
      max_write: wishes.maxWrite,
      time_gran: 1,
      max_pages: wishes.maxWrite / PAGE,
      flags2: flags2 >>> 0,
      max_stack_depth: (flags2 & INIT2.PASSTHROUGH) === 0 ? 0 : wishes.stackDepth,
    },
  }
}
