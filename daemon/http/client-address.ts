/**
 * Who a request comes from: the connection's other end, or, where that is a proxy which the configuration trusts, whom
 * the proxy names in X-Forwarded-For. Each proxy adds at the end whom it heard, so the list is read from there, as far
 * as it was written by proxies that are trusted; what stands before that the client may have made up.
 */
import { BlockList, isIP } from 'node:net'

/** Whether an address is one of the proxies'. `proxies` are addresses and networks (10.0.0.0/8) that were checked. */
export function trustedBy(proxies: readonly string[]): (address: string) => boolean {
  if (proxies.length === 0) return () => false
  const list = new BlockList()
  for (const proxy of proxies) {
    const [address = '', bits] = proxy.split('/')
    const family = familyOf(address)
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return (address) => list.check(address, familyOf(address))
}

const familyOf = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4')

/** An IPv4 address that a socket of both families shows as IPv6 is IPv4's (RFC 4291, 2.5.5.2). */
export const plainAddress = (address: string): string =>
  address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address

/**
 * The client's address. `peer` is a trusted proxy; `forwarded` its X-Forwarded-For, fields of that name joined by commas.
 * The peer's own address where the list is missing, or where what a trusted proxy wrote is no address.
 */
export function forwardedAddress(
  peer: string,
  forwarded: string | undefined,
  trusted: (address: string) => boolean,
): string {
  if (forwarded === undefined) return peer
  let client = peer
  for (let end = forwarded.length; end >= 0;) {
    const comma = forwarded.lastIndexOf(',', end - 1)
    const hop = hopAddress(forwarded.slice(comma + 1, end).trim())
    if (hop === undefined) return peer
    client = hop
    if (comma < 0 || !trusted(hop)) return client
    end = comma
  }
  return client
}

/** Some proxies name the port too. */
function hopAddress(text: string): string | undefined {
  if (isIP(text) !== 0) return plainAddress(text)
  const match = /^\[([^\]]+)\](?::\d{1,5})?$|^([^:]+):\d{1,5}$/.exec(text)
  const address = match?.[1] ?? match?.[2]
  return address !== undefined && isIP(address) !== 0 ? plainAddress(address) : undefined
}

/** By whom places are counted: an IPv4 address, of IPv6 the network of 64 bits, which one client has whole. */
export function networkOf(address: string): string {
  if (isIP(address) !== 6) return address
  const [before = '', after] = address.replace(/%.*$/, '').split('::')
  const head = before === '' ? [] : before.split(':')
  const tail = after === undefined || after === '' ? [] : after.split(':')
  // One that ends in an IPv4 address has a group fewer than it looks, and all of its first four zero.
  const zeros = Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0')
  const groups = [...head, ...(after === undefined ? [] : zeros), ...tail].slice(0, 4)
  return `${groups.map((group) => parseInt(group, 16).toString(16)).join(':')}::/64`
}
