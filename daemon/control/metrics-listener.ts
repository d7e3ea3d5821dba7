/** `GET /metrics` over TCP for Prometheus, where the configuration names an address. It tells and changes nothing. */
import type { Config } from '../../lib/config.ts'
import { Fault } from '../../lib/errors.ts'
import { formatListen, isLoopback, type ListenAddress } from '../../lib/listen-address.ts'
import type { Log } from '../../lib/log.ts'
import { portHolder } from '../../lib/sys/listeners.ts'
import { Crowd, noShares, NoCount } from '../http/crowd.ts'
import { requireKnownHost } from '../http/known-host.ts'
import { createListener, type Listener } from '../http/listener.ts'
import { respond, type Handle, type Service } from '../http/pipeline.ts'
import { textReply } from '../http/reply.ts'
import type { Sample } from '../metrics/catalogue.ts'
import { contentType, exposition } from '../metrics/exposition.ts'
import { ownOrigin } from './own-origin.ts'

/** Connections at one time, and so scrapes. */
const mostConnections = 64

type MetricsConfig = Pick<
  Config,
  | 'expose'
  | 'allowedHosts'
  | 'maxPerAddress'
  | 'maxHeaderBytes'
  | 'headersTimeout'
  | 'idleTimeout'
  | 'keepAliveTimeout'
>

/**
 * Listens. Throws InvalidSetting for an address that this machine doesn't have, or that others reach without
 * `expose`; PortTaken, which names the holder.
 */
export async function listenForMetrics(
  address: ListenAddress,
  config: MetricsConfig,
  samples: () => Promise<readonly Sample[]>,
  log: Log,
): Promise<{ server: Listener; address: ListenAddress }> {
  if (!isLoopback(address.host) && !config.expose)
    throw new Fault(
      'InvalidSetting',
      `--metrics-listen ${formatListen(address)} can be reached by other machines, without a password: say --expose if you mean it`,
    )
  const server = metricsServer(config, samples, log)
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

function metricsServer(config: MetricsConfig, samples: () => Promise<readonly Sample[]>, log: Log): Listener {
  const service: Service = {
    log,
    crowd: new Crowd(
      {
        ...noShares,
        maxPerAddress: config.maxPerAddress,
        maxRequests: mostConnections,
        maxConnections: mostConnections,
      },
      new NoCount(),
    ),
    counted: true,
    always: ownOrigin,
    fields: ({ id }) => ({ 'X-Request-Id': id }),
    failure: ({ status, message, headers }) =>
      textReply(status, 'text/plain; charset=utf-8', `${message}\n`, headers),
    record: ({ id, method, url }, status, _bytes, ms, reason) =>
      log.debug('metrics', { id, method, path: url.split('?', 1)[0], status, ms, reason }),
  }
  const scrape: Handle = async ({ headers, url, method }) => {
    requireKnownHost(headers.get('host'), config.allowedHosts)
    if (url.split('?', 1)[0] !== '/metrics')
      throw new Fault('NoSuchRoute', 'There is /metrics here, and nothing else.')
    if (method !== 'GET' && method !== 'HEAD')
      throw new Fault('MethodNotAllowed', 'GET it.', { headers: { Allow: 'GET, HEAD' } })
    return textReply(200, contentType, exposition(await samples()))
  }
  return createListener(
    {
      ...config,
      maxConnections: mostConnections,
      requestTimeout: config.headersTimeout + config.idleTimeout,
    },
    (request, response) => void respond(service, request, response, scrape),
    service,
  )
}
