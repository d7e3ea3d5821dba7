/**
 * A request's body: read once by whoever answers, or not at all. What is left of it when the answer is ready
 * decides how the connection ends, which is `sendReply`'s to see to.
 */
import type { IncomingMessage } from 'node:http'
import { Fault } from '../../lib/errors.ts'
import type { DirectResponse } from './direct-response.ts'

export class RequestBody {
  /** Content-Length; undefined for a body whose length nobody has said (chunked). 0 where there is none. */
  readonly declaredLength: number | undefined
  readonly #request: IncomingMessage
  readonly #response: DirectResponse
  #taken = false

  constructor(request: IncomingMessage, response: DirectResponse) {
    this.#request = request
    this.#response = response
    const { headers } = request
    this.declaredLength =
      headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : undefined
  }

  /** Whether the request has one, be it an empty one in chunks. */
  get present(): boolean {
    return this.declaredLength !== 0
  }

  /**
   * What of it nobody has read: nothing; a body that the client holds back until it is told to go on (RFC 9110,
   * 10.1.1); or one that is on its way.
   */
  get unread(): 'none' | 'expected' | 'coming' {
    if (!this.present) return 'none'
    if (!this.#taken) return this.#response.expectation === 'none' ? 'coming' : 'expected'
    return this.#request.readableEnded ? 'none' : 'coming'
  }

  /**
   * Its pieces as they come, chunked coding undone; a client that waits for 100 Continue is told to go on. Once.
   * Whoever stops early leaves the rest unread. Throws IncompleteBody where the client leaves in the middle.
   */
  async *pieces(): AsyncGenerator<Buffer, void, undefined> {
    if (this.#taken) throw new Error('a body is read once')
    this.#taken = true
    if (!this.present) return
    if (this.#response.expectation === '100-continue') this.#response.writeContinue()
    let came = 0
    let waiting = true
    this.#response.visit?.watch(() => (waiting ? came : undefined))
    try {
      // Destroying the request would take the connection with it, and the answer.
      for await (const piece of this.#request.iterator({ destroyOnReturn: false })) {
        came += (piece as Buffer).length
        waiting = false
        yield piece as Buffer
        waiting = true
      }
    } catch {
      throw new Fault('IncompleteBody')
    } finally {
      waiting = false
    }
  }

  /** All of it. Throws EntityTooLarge beyond `limit` bytes, as soon as that is known, and IncompleteBody. */
  async bytes(limit: number): Promise<Buffer> {
    const tooLarge = () => new Fault('EntityTooLarge', `a request's body is at most ${limit} bytes`)
    if ((this.declaredLength ?? 0) > limit) throw tooLarge()
    const pieces: Buffer[] = []
    let length = 0
    for await (const piece of this.pieces()) {
      length += piece.length
      if (length > limit) throw tooLarge()
      pieces.push(piece)
    }
    return Buffer.concat(pieces)
  }
}
