/** The body of an S3 request, with what the client has signed and announced of it. */
import type { Payload } from '../../lib/auth/sigv4-payload.ts'
import { Fault } from '../../lib/errors.ts'
import type { RequestBody } from '../http/request-body.ts'
import type { RequestHeaders } from '../http/request-headers.ts'

export class ObjectBody {
  /** How the bytes are coded and what is signed of them: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html */
  readonly payload: Payload
  readonly #wire: RequestBody
  readonly #headers: RequestHeaders

  constructor(wire: RequestBody, headers: RequestHeaders, payload: Payload) {
    this.#wire = wire
    this.#headers = headers
    this.payload = payload
  }

  /**
   * Bytes of the object that is sent, without the coding of aws-chunked: then x-amz-decoded-content-length says it, else
   * Content-Length. Throws MissingContentLength where neither does, InvalidArgument for what is no number.
   */
  get declaredLength(): number {
    const text = this.#headers.get('x-amz-decoded-content-length')
    if (this.payload.kind !== 'streaming' || text === undefined) {
      const { declaredLength } = this.#wire
      if (declaredLength === undefined || this.payload.kind === 'streaming')
        throw new Fault('MissingContentLength')
      return declaredLength
    }
    if (!/^\d{1,15}$/.test(text))
      throw new Fault('InvalidArgument', 'x-amz-decoded-content-length must be a number of bytes.', {
        details: { ArgumentName: 'x-amz-decoded-content-length', ArgumentValue: text },
      })
    return Number(text)
  }

  /** Bytes as they come over the wire: those of aws-chunked with its coding. Once. Throws IncompleteBody. */
  pieces(): AsyncGenerator<Buffer, void, undefined> {
    return this.#wire.pieces()
  }
}
