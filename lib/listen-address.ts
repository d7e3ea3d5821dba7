/** Where a door listens, as people write it. */
import { isIP } from 'node:net'
import { refuse } from './setting-values.ts'

/** `port` 0 takes any free one. */
export interface ListenAddress {
  /** An IPv4 or IPv6 address without brackets. */
  readonly host: string
  readonly port: number
}

/** `HOST:PORT`, `[V6]:PORT`, `:PORT`, `PORT`, or `HOST`; a host is an address, `localhost` or `*`. */
export function parseListen(value: unknown): ListenAddress {
  const no = refuse('an address to listen on, as 127.0.0.1:9010 or [::1]:9010')
  const text = typeof value === 'number' ? String(value) : value
  if (typeof text !== 'string') throw no(value)
  const match =
    /^(?:(\[[0-9a-fA-F:.]+\]|[^:[\]]*):)?(\d{1,5})$/.exec(text) ?? /^(\[[^\]]+\]|[^:[\]]+)()$/.exec(text)
  if (!match) throw no(value)
  const port = match[2] === '' ? 9010 : Number(match[2])
  const written = (match[1] ?? '').replace(/^\[|\]$/g, '')
  const names: Record<string, string> = { '': '127.0.0.1', localhost: '127.0.0.1', '*': '0.0.0.0' }
  const host = names[written] ?? written
  if (isIP(host) === 0 || port > 65535) throw no(value)
  return { host, port }
}

/** `127.0.0.1:9010` or `[::1]:9010`. */
export const formatListen = ({ host, port }: ListenAddress): string =>
  `${isIP(host) === 6 ? `[${host}]` : host}:${port}`

export const isLoopback = (host: string): boolean => host === '::1' || /^127\./.test(host)
