/**
 * Who is let in, when many come. Requests in flight have places; so have connections. One client address, access key or
 * share link takes no more of the first, and one address no more of the second, than leaves room for others. Who finds no
 * place is told to slow down. And when places run short, those that are held by clients which hardly take what they asked
 * for, or hardly send what they announced, are taken back.
 */
import type { IncomingMessage } from 'node:http'
import type { Config } from '../../lib/config.ts'
import { Fault } from '../../lib/errors.ts'
import type { Closing, Refusal } from '../metrics/turned-away.ts'
import { forwardedAddress, networkOf } from './client-address.ts'
import { Connections } from './connections.ts'
import type { Exchange } from './exchange.ts'
import { Holders, type Holder } from './places.ts'
import { SlowTransfers } from './slow-transfers.ts'
import { Visit } from './visit.ts'

export type CrowdLimits = Pick<
  Config,
  | 'maxConnections'
  | 'maxRequests'
  | 'maxPerAddress'
  | 'maxPerKey'
  | 'maxPerLink'
  | 'leastRate'
  | 'leastRateTime'
  | 'trustedProxies'
>

/** Whose places a request counts among, beside all requests'. */
export type HolderKind = 'address' | 'key' | 'link'

/** What is counted of it. */
export interface CrowdCounter {
  inFlight: number
  refused(why: Refusal): void
  closed(why: Closing): void
}

/** For listeners of which nobody asks how many came. */
export class NoCount implements CrowdCounter {
  inFlight = 0
  refused(): void {}
  closed(): void {}
}

/** For listeners whose clients are all one's own: whoever may ask may ask for every place. */
export const noShares = {
  maxPerAddress: 100,
  maxPerKey: 100,
  maxPerLink: 100,
  leastRate: 0,
  leastRateTime: 0,
  trustedProxies: [],
} as const

/** Part of the places that may be in use before slow transfers are cut. */
const crowded = 3 / 4
/** Milliseconds for which a listener is called full since it last had no place for anybody. */
const fullFor = 5_000

const messages: Readonly<Record<Refusal, string>> = {
  requests: 'As many requests as may be are being answered: try again.',
  connections: 'There are too many connections: close some, or try again.',
  address: 'Too many requests from your address are being answered: try again when some have ended.',
  key: 'Too many requests with this access key are being answered: try again when some have ended.',
  link: 'Too many requests for this link are being answered: try again when some have ended.',
}

export class Crowd {
  readonly connections: Connections
  readonly #most: number
  readonly #counter: CrowdCounter
  readonly #holders: Readonly<Record<HolderKind, Holders>>
  readonly #transfers: SlowTransfers<Visit>
  #fullAt = -Infinity

  constructor(limits: CrowdLimits, counter: CrowdCounter) {
    this.#most = limits.maxRequests
    this.#counter = counter
    this.#holders = {
      address: new Holders(limits.maxPerAddress, limits.maxRequests),
      key: new Holders(limits.maxPerKey, limits.maxRequests),
      link: new Holders(limits.maxPerLink, limits.maxRequests),
    }
    this.connections = new Connections(limits, () => counter.closed('idle'))
    this.#transfers = new SlowTransfers(limits.leastRate, limits.leastRateTime, () => {
      if (counter.inFlight > crowded * this.#most) this.#cutSlow()
    })
  }

  /** The address of whoever sent the request, '' where there is none, as on a unix socket. */
  clientOf({ socket, headers }: IncomingMessage): string {
    const { connections } = this
    const connection = connections.of(socket)
    if (connection?.proxy !== true) return connection?.peer ?? ''
    const forwarded = headers['x-forwarded-for']
    const list = typeof forwarded === 'string' ? forwarded : forwarded?.join(',')
    return forwardedAddress(connection.peer, list, (address) => connections.isTrusted(address))
  }

  /** Lets a request in. Throws SlowDown where there is no place for it, or none for its client. */
  letIn({ request, response, client }: Exchange): Visit {
    const connection = this.connections.of(request.socket)
    if (connection !== undefined && !this.connections.hasPlace(connection)) {
      response.shouldKeepAlive = false
      throw this.#refusal('connections')
    }
    const free = this.#most - this.#counter.inFlight
    if (free <= 0) {
      this.#fullAt = performance.now()
      throw this.#refusal('requests')
    }
    const network = connection?.proxy === false ? connection.network : networkOf(client)
    const visit = new Visit(this, connection, this.#take('address', network, free))
    this.#counter.inFlight++
    if (connection !== undefined) connection.busy++
    return visit
  }

  /** `Visit.countFor`. */
  countFor(visit: Visit, kind: HolderKind, name: string): void {
    try {
      visit.credential = this.#take(kind, name, this.#most - this.#counter.inFlight + 1)
    } catch (thrown) {
      this.leave(visit)
      throw thrown
    }
  }

  /** `Visit.watch`. */
  watch(visit: Visit): void {
    this.#transfers.watch(visit)
  }

  /** `Visit.leave`. */
  leave(visit: Visit): void {
    const { address, credential, connection } = visit
    if (visit.isOver) return
    visit.isOver = true
    address.held--
    if (credential !== undefined) credential.held--
    this.#transfers.forget(visit)
    this.#counter.inFlight--
    if (connection === undefined) return
    connection.busy--
    connection.since = this.connections.now
  }

  /** A connection was closed as it came, since there are even too many to be told so. */
  dropped(): void {
    this.#counter.refused('connections')
  }

  /** No place was free for anybody, now or a moment ago. */
  get full(): boolean {
    return this.#counter.inFlight >= this.#most || performance.now() - this.#fullAt < fullFor
  }

  close(): void {
    this.#transfers.close()
  }

  #take(kind: HolderKind, name: string, free: number): Holder {
    const holders = this.#holders[kind]
    const holder = holders.of(name)
    if (!holders.mayTake(holder, free)) throw this.#refusal(kind, holder)
    holder.held++
    return holder
  }

  /** Those who are slow make room for the next try: all of them, or those of the holder that has too many. */
  #refusal(why: Refusal, of?: Holder): Fault {
    this.#counter.refused(why)
    this.#cutSlow(of)
    return new Fault('SlowDown', messages[why], { headers: { 'Retry-After': '1' } })
  }

  #cutSlow(of?: Holder): void {
    for (const visit of this.#transfers.slow) {
      if (of !== undefined && visit.address !== of && visit.credential !== of) continue
      this.#transfers.forget(visit)
      // What it has not taken would else wait in the kernel for minutes.
      visit.connection?.socket.resetAndDestroy()
      this.#counter.closed('slow')
    }
  }
}
