/**
 * The open connections of a listener. Where there are too many, of all or of one address, one that has no request in
 * flight is closed to make room for the next: so those that merely hold a place open keep nobody out.
 */
import type { Socket } from 'node:net'
import { networkOf, plainAddress, trustedBy } from './client-address.ts'
import { Holders, type Holder } from './places.ts'

export interface Connection {
  /** The other end's address, '' where there is none. */
  readonly peer: string
  /** By which it is counted. */
  readonly network: string
  /** The other end is a proxy that the configuration trusts. */
  readonly proxy: boolean
  /** Undefined for a proxy, whose connections are many clients'. */
  readonly holder: Holder | undefined
  readonly socket: Socket
  /** Requests in flight that were let in. */
  busy: number
  /** The smaller, the longer ago it came or its last request ended: of `Connections.now`. */
  since: number
  /** Beyond the limits: only what isn't counted is answered on it. */
  surplus: boolean
}

export interface ConnectionLimits {
  readonly maxConnections: number
  /** Percent of them. */
  readonly maxPerAddress: number
  readonly trustedProxies: readonly string[]
}

/** Connections beyond the limit that are accepted, to be told why they aren't served, or how the daemon is. */
export const surplusConnections = 64

export class Connections {
  readonly #most: number
  readonly #addresses: Holders
  readonly #trusted: (address: string) => boolean
  readonly #madeRoom: () => void
  readonly #bySocket = new Map<Socket, Connection>()
  /** In the order in which they came. */
  readonly #byHolder = new Map<Holder | undefined, Set<Connection>>()
  #placed = 0
  #now = 0

  /** `madeRoom` hears of each connection that is closed for another's sake. */
  constructor({ maxConnections, maxPerAddress, trustedProxies }: ConnectionLimits, madeRoom: () => void) {
    this.#most = maxConnections
    this.#addresses = new Holders(maxPerAddress, maxConnections)
    this.#trusted = trustedBy(trustedProxies)
    this.#madeRoom = madeRoom
  }

  /** Counts what happens, which orders it as a clock would, and costs less. */
  get now(): number {
    return ++this.#now
  }

  /** Undefined once it is closed. */
  of(socket: Socket): Connection | undefined {
    return this.#bySocket.get(socket)
  }

  isTrusted(address: string): boolean {
    return this.#trusted(address)
  }

  /** Takes in a connection that was accepted. */
  add(socket: Socket): void {
    const peer = plainAddress(socket.remoteAddress ?? '')
    const proxy = peer !== '' && this.#trusted(peer)
    const network = networkOf(peer)
    const connection: Connection = {
      peer,
      network,
      proxy,
      holder: proxy ? undefined : this.#addresses.of(network),
      socket,
      busy: 0,
      since: this.now,
      surplus: true,
    }
    const { holder } = connection
    this.#place(connection)
    if (connection.surplus && this.#makeRoomFor(connection)) this.#place(connection)
    if (holder !== undefined) holder.held++
    this.#bySocket.set(socket, connection)
    const others = this.#byHolder.get(holder)
    if (others === undefined) this.#byHolder.set(holder, new Set([connection]))
    else others.add(connection)
    socket.once('close', () => this.#remove(connection))
  }

  /** Whether its requests may be served: it has a place, or gets one now. */
  hasPlace(connection: Connection): boolean {
    if (connection.surplus) this.#place(connection)
    return !connection.surplus
  }

  #place(connection: Connection): void {
    const free = this.#most - this.#placed
    const { holder } = connection
    if (free <= 0 || (holder !== undefined && !this.#addresses.mayTake(holder, free))) return
    connection.surplus = false
    this.#placed++
  }

  #remove(connection: Connection): void {
    const { holder, socket, surplus } = connection
    if (!this.#bySocket.delete(socket)) return
    if (!surplus) this.#placed--
    if (holder !== undefined) holder.held--
    const others = this.#byHolder.get(holder)
    others?.delete(connection)
    if (others?.size === 0) this.#byHolder.delete(holder)
  }

  /** Closes the connection that was idle for longest: of this one's address where that has too many, else of who has most. */
  #makeRoomFor({ holder }: Connection): boolean {
    const full = this.#placed >= this.#most
    const idle = full ? this.#idleOfMost() : idlest(this.#byHolder.get(holder))
    if (idle === undefined) return false
    this.#remove(idle)
    idle.socket.destroy()
    this.#madeRoom()
    return true
  }

  #idleOfMost(): Connection | undefined {
    let most: ReadonlySet<Connection> | undefined
    for (const group of this.#byHolder.values()) if (group.size > (most?.size ?? 0)) most = group
    return idlest(most) ?? idlest(this.#bySocket.values())
  }
}

function idlest(connections: Iterable<Connection> = []): Connection | undefined {
  let found: Connection | undefined
  for (const one of connections)
    if (one.busy === 0 && (found === undefined || one.since < found.since)) found = one
  return found
}
