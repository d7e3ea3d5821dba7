/**
 * The CLI's side of the control API: JSON over HTTP on the daemon's unix socket. Node's fetch can't speak to a
 * socket file, so this is node:http.
 */
import { request } from 'node:http'
import { catalogue, Fault, type FaultCode } from '../../lib/errors.ts'

export type Method = 'DELETE' | 'GET' | 'PATCH' | 'POST' | 'PUT'

/** The envelope of every answer of the control API. */
type Envelope = { success: true; data: unknown } | { success: false; error: string; code: string }

export class Client {
  readonly socket: string

  constructor(socket: string) {
    this.socket = socket
  }

  /**
   * Answers the envelope's `data`. Throws the Fault that the daemon answered with, or DaemonNotRunning where
   * none answers.
   */
  async call(method: Method, path: string, body?: unknown): Promise<unknown> {
    const text = await this.#exchange(method, path, body === undefined ? undefined : JSON.stringify(body))
    const envelope = parseEnvelope(text)
    if (envelope.success) return envelope.data
    if (isFaultCode(envelope.code)) throw new Fault(envelope.code, envelope.error)
    throw new Fault('InternalError', `${envelope.error} (${envelope.code})`)
  }

  #exchange(method: Method, path: string, body: string | undefined): Promise<string> {
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          socketPath: this.socket,
          method,
          path,
          headers: {
            host: 'twofold',
            ...(body === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
          },
        },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('end', () => resolve(Buffer.concat(chunks).toString()))
          response.on('error', reject)
        },
      )
      sent.on('error', (error: NodeJS.ErrnoException) => reject(this.#unreachable(error)))
      sent.end(body)
    })
  }

  #unreachable(error: NodeJS.ErrnoException): Fault {
    if (error.code === 'EACCES')
      return new Fault(
        'AccessDenied',
        `${this.socket} belongs to another user: run this as the user who runs the daemon`,
      )
    if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED')
      return new Fault(
        'DaemonNotRunning',
        `no daemon answers on ${this.socket}: start one with "twofold serve" or "twofold up DIRECTORY", or name the state of the one that runs with --state`,
      )
    return new Fault('DaemonNotRunning', `the daemon on ${this.socket} broke off: ${error.message}`)
  }
}

function parseEnvelope(text: string): Envelope {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Fault('InternalError', `the daemon answered something else than JSON: ${text.slice(0, 80)}`)
  }
  if (typeof value === 'object' && value !== null && 'success' in value) {
    if (value.success === true) return { success: true, data: 'data' in value ? value.data : undefined }
    const error = 'error' in value && typeof value.error === 'string' ? value.error : 'no reason given'
    const code = 'code' in value && typeof value.code === 'string' ? value.code : 'InternalError'
    return { success: false, error, code }
  }
  throw new Fault('InternalError', 'the daemon answered without the envelope of the control API')
}

const isFaultCode = (code: string): code is FaultCode => Object.hasOwn(catalogue, code)
