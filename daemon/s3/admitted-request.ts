/** A request on its way into an operation. */
import type { DoorKeys, TokenKeys } from '../../lib/auth/door-keys.ts'
import type { Payload } from '../../lib/auth/sigv4-payload.ts'
import type { Disk, S3User } from '../../lib/disk.ts'
import type { Directories } from '../../lib/tree/directories.ts'
import type { Root } from '../../lib/tree/root.ts'
import type { Roots } from '../../lib/tree/roots.ts'
import type { Exchange } from '../http/exchange.ts'
import type { Query } from '../http/query.ts'
import type { RequestHeaders } from '../http/request-headers.ts'
import type { Address } from './address.ts'
import { ObjectBody } from './object-body.ts'
import type { S3Request } from './operation.ts'

/** What operations work with, one of each in a process. */
export interface Tools {
  readonly roots: Roots
  readonly directories: Directories
  readonly keys: () => DoorKeys
  readonly control: S3Request['control']
  readonly mounts: S3Request['mounts']
}

export class AdmittedRequest implements S3Request {
  readonly method: string
  readonly bucket: string
  readonly key: string
  readonly query: Query
  readonly headers: RequestHeaders
  readonly user: S3User
  readonly disk: Disk
  readonly #exchange: Exchange
  readonly #payload: Payload
  readonly #tools: Tools

  constructor(
    exchange: Exchange,
    { bucket, key }: Address,
    query: Query,
    { user, payload }: { readonly user: S3User; readonly payload: Payload },
    disk: Disk,
    tools: Tools,
  ) {
    this.method = exchange.method
    this.bucket = bucket
    this.key = key
    this.query = query
    this.headers = exchange.headers
    this.user = user
    this.disk = disk
    this.#exchange = exchange
    this.#payload = payload
    this.#tools = tools
  }

  get id(): string {
    return this.#exchange.id
  }

  get body(): ObjectBody {
    return new ObjectBody(this.#exchange.body, this.headers, this.#payload)
  }

  get root(): Root {
    return this.#tools.roots.of(this.disk)
  }

  get directories(): Directories {
    return this.#tools.directories
  }

  get tokenKeys(): TokenKeys {
    return this.#tools.keys().tokens
  }

  get control(): S3Request['control'] {
    return this.#tools.control
  }

  get mounts(): S3Request['mounts'] {
    return this.#tools.mounts
  }
}
