/** A request on its way to its answer, and what comes to be known of it for the log, the figures and an error's text. */
import type { IncomingMessage } from 'node:http'
import type { DirectResponse } from './direct-response.ts'
import { RequestBody } from './request-body.ts'
import { RequestHeaders } from './request-headers.ts'
import { nextNumber, isRequestId, newRequestId } from './request-id.ts'
import type { Visit } from './visit.ts'

/** What an answer says of the request that it answers, known or not: the parser refuses some that never became one. */
export interface Subject {
  readonly id: string
  /** Counts the requests of this process. */
  readonly number: number
  /** What was asked for, decoded, as far as it came to be known; else ''. */
  readonly resource: string
}

export class Exchange implements Subject {
  readonly request: IncomingMessage
  readonly response: DirectResponse
  readonly method: string
  /** The request line's target as it was sent. */
  readonly url: string
  readonly body: RequestBody
  readonly number = nextNumber()
  id = newRequestId()
  resource = ''
  /** Whose request it is, by address; '' until that is known, and on a unix socket. */
  client = ''
  /** The name of what was asked to be done, in the log and the figures. */
  operation: string | undefined
  /** Whose key it is that signed. */
  user: string | undefined
  #headers: RequestHeaders | undefined

  constructor(request: IncomingMessage, response: DirectResponse) {
    this.request = request
    this.response = response
    this.method = request.method ?? ''
    this.url = request.url ?? ''
    this.body = new RequestBody(request, response)
  }

  get disk(): string | undefined {
    return this.response.disk
  }

  set disk(id: string | undefined) {
    this.response.disk = id
  }

  /** The places that it holds, if it is counted. */
  get visit(): Visit | undefined {
    return this.response.visit
  }

  /** Throws BadRequest when a field of one value comes twice. */
  get headers(): RequestHeaders {
    return (this.#headers ??= new RequestHeaders(this.request.rawHeaders, this.request.headers))
  }

  /** Takes the client's own name for the request, where it gave a sound one. */
  takeId(): void {
    const given = this.headers.get('x-request-id')
    if (given !== undefined && isRequestId(given)) this.id = given
  }
}
