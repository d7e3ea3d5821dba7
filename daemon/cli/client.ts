/**
 * The CLI's side of the control API: JSON over HTTP on the daemon's unix socket, typed by the API's own table
 * of routes. Node's fetch can't speak to a socket file, so this is node:http.
 */
import { request } from 'node:http'
import { catalogue, Fault, type FaultCode } from '../../lib/errors.ts'
import { requireOwnSocket } from '../../lib/own-state.ts'
import { routes, type AnswerOf, type Envelope, type InputOf, type RouteName } from '../control/routes.ts'

/** What the `:id` and `:type` of a route's path stand for. */
export type PathParts = Readonly<Record<string, string>>

/** Milliseconds without a byte after which whoever only asks is told that the daemon doesn't answer. A change takes its time. */
const patience = 20_000

export class Client {
  readonly socket: string
  readonly #patience: number

  constructor(socket: string, wait = patience) {
    this.socket = socket
    this.#patience = wait
  }

  /**
   * Answers the envelope's `data`. Throws the Fault that the daemon answered with, DaemonNotRunning where there is none,
   * ServiceUnavailable where one is there and says nothing, or Untrusted where another user could answer.
   */
  async ask<N extends RouteName>(
    route: N,
    parts: PathParts = {},
    input: Partial<InputOf<N>> = {},
  ): Promise<AnswerOf<N>> {
    return (await this.#ask(route, parts, input)).data
  }

  /** Every page of a list, one after the other. */
  async everyDisk(): Promise<AnswerOf<'listDisks'>> {
    const all: AnswerOf<'listDisks'>[number][] = []
    for (let cursor: string | undefined; ;) {
      const page = await this.#ask('listDisks', {}, cursor === undefined ? {} : { cursor })
      all.push(...page.data)
      if (page.nextCursor === null) return all
      cursor = page.nextCursor
    }
  }

  /** How the daemon is, undefined where none answers. Throws where one is there that the caller may not ask. */
  async statusIfAny(): Promise<AnswerOf<'status'> | undefined> {
    try {
      return await this.ask('status')
    } catch (error) {
      if (error instanceof Fault && error.code === 'DaemonNotRunning') return undefined
      throw error
    }
  }

  async #ask<N extends RouteName>(
    route: N,
    parts: PathParts,
    input: Partial<InputOf<N>>,
  ): Promise<Extract<Envelope<AnswerOf<N>>, { success: true }>> {
    const { method, path } = routes[route]
    let target = path.replace(/:(\w+)/g, (_, part: string) => encodeURIComponent(parts[part] ?? ''))
    let body: string | undefined
    if (method === 'POST' || method === 'PATCH') body = JSON.stringify(input)
    else {
      const query = new URLSearchParams()
      for (const [name, value] of Object.entries(input))
        if (value !== undefined) query.set(name, String(value))
      if (query.size > 0) target += `?${query.toString()}`
    }
    const envelope = parseEnvelope<AnswerOf<N>>(await this.#exchange(method, target, body))
    if (envelope.success) return envelope
    if (isFaultCode(envelope.code)) {
      const remedy = remedies[envelope.code]
      throw new Fault(envelope.code, remedy === undefined ? envelope.error : `${envelope.error} ${remedy}`)
    }
    throw new Fault('InternalError', `${envelope.error} (${envelope.code})`)
  }

  #exchange(method: string, path: string, body: string | undefined): Promise<string> {
    // Whoever else listened there would hear what we want, and say what we believe.
    requireOwnSocket(this.socket)
    return new Promise((resolve, reject) => {
      const headers = {
        host: 'twofold',
        ...(body === undefined
          ? {}
          : {
              'content-type': 'application/json',
              'content-length': Buffer.byteLength(body),
            }),
      }
      const sent = request({ socketPath: this.socket, method, path, headers }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => resolve(Buffer.concat(chunks).toString()))
        response.on('error', reject)
      })
      if (method === 'GET') sent.setTimeout(this.#patience, () => sent.destroy(new Silence()))
      sent.on('error', (error: NodeJS.ErrnoException) => reject(this.#unreachable(error)))
      sent.end(body)
    })
  }

  #unreachable(error: NodeJS.ErrnoException): Fault {
    if (error instanceof Silence)
      return new Fault(
        'ServiceUnavailable',
        `the daemon on ${this.socket} does not answer: look for a process of its own that is stopped (ps -o pid,stat,args), or stop it`,
      )
    if (error.code === 'EACCES')
      return new Fault(
        'AccessDenied',
        `${this.socket} is another user's: call twofold as the user who runs the daemon`,
      )
    if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED')
      return new Fault(
        'DaemonNotRunning',
        `no daemon answers on ${this.socket}: start one with "twofold up DIRECTORY" or "twofold serve", or say with --state whose you mean`,
      )
    return new Fault('DaemonNotRunning', `the daemon on ${this.socket} broke off: ${error.message}`)
  }
}

class Silence extends Error {}

/** Both ends are of one version, so what lies inside of the envelope is trusted. */
function parseEnvelope<T>(text: string): Envelope<T> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Fault('InternalError', `the daemon answered something else than JSON: ${text.slice(0, 80)}`)
  }
  if (typeof value !== 'object' || value === null || !('success' in value))
    throw new Fault('InternalError', 'the daemon answered without the envelope of the control API')
  return value as Envelope<T>
}

/** What the API can't say, since it doesn't know that it speaks to this CLI. */
const remedies: Partial<Record<FaultCode, string>> = {
  AlreadyMounted: '("twofold umount DISK" ends that)',
  NoSuchKeyringKey: '("twofold key list" shows the ones there are)',
  NotMounted: '("twofold mount DISK" mounts it)',
  AliasTaken: '("twofold disk list" shows whose it is)',
  NoSuchDisk: '("twofold disk list" shows the ones there are)',
  NoSuchUser: '("twofold user list DISK" shows the ones there are)',
  UserExists: '("twofold user rotate" gives it a new key)',
}

const isFaultCode = (code: string): code is FaultCode => Object.hasOwn(catalogue, code)
