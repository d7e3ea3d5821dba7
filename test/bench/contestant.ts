/** Who is measured: ours, nginx serving the same files unsigned, and any S3 endpoint as a peer. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { signHeaders } from '../fixtures/sign.ts'

export interface Contestant {
  readonly name: string
  readonly host: string
  readonly port: number
  /** Its CPU time is what these processes used; empty when it isn't known. */
  readonly pids: readonly number[]
  /** A whole request for `file`, signed now where it is to be signed. */
  request(file: string): string
  stop(): Promise<void>
}

export interface Signed {
  readonly endpoint: string
  readonly bucket: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly region: string
}

const pinned = (core: number | undefined, command: string, args: string[]): [string, string[]] =>
  core === undefined ? [command, args] : ['taskset', ['-c', String(core), command, ...args]]

function signedRequest({ endpoint, bucket, accessKeyId, secretAccessKey, region }: Signed) {
  const host = new URL(endpoint).host
  return (file: string): string => {
    const target = `/${bucket}/${file}`
    const headers = signHeaders(
      { accessKeyId, secretAccessKey, region },
      { target, headers: [['Host', host]], payload: 'UNSIGNED-PAYLOAD' },
    )
    return `GET ${target} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}

/** The S3 door as a worker runs it, with its log going to a file. `node` may carry options, as --cpu-prof. */
export async function twofold(
  directory: string,
  scratch: string,
  core?: number,
  node: string[] = [],
  dist = join(import.meta.dirname, '../..'),
  name = 'twofold',
): Promise<Contestant> {
  const script = join(dist, 'test/bench/door.js')
  const log = join(scratch, `${name}.log`)
  const [command, args] = pinned(core, 'sh', [
    '-c',
    'log=$1; shift; exec "$@" 2>"$log"',
    'sh',
    log,
    process.execPath,
    ...node,
    script,
    directory,
  ])
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string]
  const said = JSON.parse(line) as Omit<Signed, 'region'> & { pid: number }
  const url = new URL(said.endpoint)
  return {
    name,
    host: url.hostname,
    port: Number(url.port),
    pids: [said.pid],
    request: signedRequest({ ...said, region: 'local' }),
    stop: () => end(child),
  }
}

/** See bare-node.ts. */
export async function bareNode(core?: number): Promise<Contestant> {
  const script = join(import.meta.dirname, 'bare-node.js')
  const child = spawn(...pinned(core, process.execPath, [script]), { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string]
  const said = JSON.parse(line) as { pid: number; endpoint: string }
  const { hostname, port, host } = new URL(said.endpoint)
  return {
    name: 'bare node',
    host: hostname,
    port: Number(port),
    pids: [said.pid],
    request: (file) => `GET /${file} HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    stop: () => end(child),
  }
}

export function peer(name: string, signed: Signed, pids: readonly number[]): Contestant {
  const url = new URL(signed.endpoint)
  return {
    name,
    host: url.hostname,
    port: Number(url.port || 80),
    pids,
    request: signedRequest(signed),
    stop: async () => {},
  }
}

/** One worker process, sendfile, access log to a file: what Debian ships, without its modules. */
export async function nginx(directory: string, scratch: string, core?: number): Promise<Contestant> {
  const port = await freePort()
  const prefix = join(scratch, 'nginx')
  mkdirSync(prefix, { recursive: true })
  const configuration = join(prefix, 'nginx.conf')
  writeFileSync(
    configuration,
    `daemon off; worker_processes 1; pid ${prefix}/pid; error_log ${prefix}/error.log;
${process.getuid?.() === 0 ? 'user root;' : ''}
events { worker_connections 4096; }
http {
  access_log ${prefix}/access.log;
  sendfile on; tcp_nopush on; types_hash_max_size 2048; keepalive_requests 1000000000;
  default_type application/octet-stream;
  client_body_temp_path ${prefix}/body; proxy_temp_path ${prefix}/proxy; fastcgi_temp_path ${prefix}/fastcgi;
  uwsgi_temp_path ${prefix}/uwsgi; scgi_temp_path ${prefix}/scgi;
  server { listen 127.0.0.1:${port}; root ${directory}; }
}
`,
  )
  const [command, args] = pinned(core, 'nginx', ['-c', configuration, '-p', prefix])
  const child = spawn(command, args, { stdio: 'inherit' })
  const workers = () => readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim()
  for (let attempt = 0; workers() === '' || !(await answers(port)); attempt++) {
    if (attempt === 100) throw new Error('nginx does not start')
    await sleep(50)
  }
  const pids = workers().split(' ').map(Number)
  return {
    name: 'nginx',
    host: '127.0.0.1',
    port,
    pids,
    request: (file) => `GET /${file} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`,
    stop: () => end(child),
  }
}

const answers = (port: number): Promise<boolean> =>
  new Promise((settle) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      settle(true)
    })
    socket.once('error', () => settle(false))
  })

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** CPU seconds of these processes and their threads so far, user and system. */
export function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    ticks += Number(fields[11]) + Number(fields[12])
  }
  return ticks / 100
}

export const bucketOf = (directory: string): string => basename(directory)
