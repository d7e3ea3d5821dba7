/** What an operation is: a row of the table, and the function that runs it. It never sees Node's request. */
import type { Disk, S3User } from '../../lib/disk.ts'
import type { TokenKeys } from '../../lib/auth/door-keys.ts'
import type { Directories } from '../../lib/tree/directories.ts'
import type { Root } from '../../lib/tree/root.ts'
import type { ControlAsker } from '../processes/ask-control.ts'
import type { MountTeller } from '../processes/tell-mounts.ts'
import type { RequestHeaders } from '../http/request-headers.ts'
import type { Query } from '../http/query.ts'
import type { ObjectBody } from './object-body.ts'
import type { Reply } from '../http/reply.ts'

/** A request that was parsed, authenticated and authorised. */
export interface S3Request {
  /** x-amz-request-id. */
  readonly id: string
  readonly method: string
  /** The bucket as the client named it: the disk's id or its alias. */
  readonly bucket: string
  /** Decoded; '' on a bucket. */
  readonly key: string
  readonly query: Query
  readonly body: ObjectBody
  readonly headers: RequestHeaders
  readonly user: S3User
  readonly disk: Disk
  /** The disk's tree, opened at first use. Throws DiskOffline. */
  readonly root: Root
  /** What this process remembers of directories, for listings. */
  readonly directories: Directories
  /** For continuation tokens. */
  readonly tokenKeys: TokenKeys
  /** Who changes records. */
  readonly control: Pick<ControlAsker, 'ask'>
  /** Whose kernels are told of each change of the tree before it is answered. */
  readonly mounts: Pick<MountTeller, 'tell'>
}

export type Run = (request: S3Request) => Reply | Promise<Reply>

export interface Operation {
  /** AWS's name: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html */
  readonly name: string
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE' | 'OPTIONS'
  readonly on: 'service' | 'bucket' | 'object'
  /**
   * What in the query makes a request this operation's: names and `name=value`s joined by `&`, all of which
   * must be there; '' is what is left when no other row of that method fits.
   */
  readonly query: string
  /** A header that must be there too, in lower case. */
  readonly header?: string
  readonly needs: 'read' | 'write'
  /** It asks the records alone, and no file of the disk. */
  readonly isOfRecords?: true
  /** Absent: 405 MethodNotAllowed for a write on a read-only disk, else 501 NotImplemented. */
  readonly run?: Run
}
