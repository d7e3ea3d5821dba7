/** `GET /metrics` over TCP for Prometheus, where the configuration names an address. It tells and changes nothing. */
import { createServer, type Server } from 'node:http'
import type { Config } from '../../lib/config.ts'
import { Fault } from '../../lib/errors.ts'
import { formatListen, isLoopback, type ListenAddress } from '../../lib/listen-address.ts'
import type { Log } from '../../lib/log.ts'
import { portHolder } from '../../lib/sys/listeners.ts'
import type { Sample } from '../metrics/catalogue.ts'
import { contentType, exposition } from '../metrics/exposition.ts'

/**
 * Listens. Throws InvalidSetting for an address that this machine doesn't have, or that others reach without
 * `expose`; PortTaken, which names the holder.
 */
export async function listenForMetrics(
  address: ListenAddress,
  config: Pick<Config, 'expose' | 'headersTimeout' | 'keepAliveTimeout'>,
  samples: () => Promise<readonly Sample[]>,
  log: Log,
): Promise<{ server: Server; address: ListenAddress }> {
  if (!isLoopback(address.host) && !config.expose)
    throw new Fault(
      'InvalidSetting',
      `--metrics-listen ${formatListen(address)} can be reached by other machines, without a password: say --expose if you mean it`,
    )
  const server = createServer((request, response) => {
    const [path = ''] = (request.url ?? '').split('?', 1)
    const refuse = (status: number, text: string) =>
      void response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`)
    if (path !== '/metrics') return refuse(404, 'There is /metrics here, and nothing else.')
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405, 'GET it.')
    samples().then(
      (all) => void response.writeHead(200, { 'content-type': contentType }).end(exposition(all)),
      (error: unknown) => {
        log.error('bug', { operation: 'metrics', error })
        refuse(500, 'The figures could not be had.')
      },
    )
  })
  server.headersTimeout = config.headersTimeout
  // One scrape's connection serves the next, at the usual intervals.
  server.keepAliveTimeout = config.keepAliveTimeout
  server.maxConnections = 64
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(address.port, address.host, () => {
        server.off('error', reject)
        resolve()
      })
    })
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown)
    if (code !== 'EADDRINUSE')
      throw new Fault(
        'InvalidSetting',
        `--metrics-listen ${formatListen(address)} can't be listened on: ${code}`,
      )
    const holder = portHolder(address.port)
    throw new Fault(
      'PortTaken',
      `--metrics-listen ${formatListen(address)} is taken by ${holder ?? 'another process'}: name another one`,
    )
  }
  const bound = server.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : address.port
  return { server, address: { host: address.host, port } }
}
