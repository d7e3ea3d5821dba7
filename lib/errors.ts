/**
 * The one catalogue of what can go wrong, for every door. S3 codes are AWS's own names and statuses
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html); the control API and the CLI add
 * theirs beside them. docs/errors.md is tested against this table.
 *
 * A `Fault` is an answer meant for the caller. Anything else that is thrown is a bug of ours: the doors log
 * it and answer InternalError without its text.
 */

interface Row {
  /** HTTP status on every door that speaks HTTP. */
  readonly status: number
  /** What the caller reads where the thrower has nothing better to say. */
  readonly message: string
  /** Who can mend it decides the CLI's exit status: 2 usage, 3 not found, 4 refused, 8 conflict, 9 try later, 1 else. */
  readonly exit: number
}

const row = (status: number, exit: number, message: string): Row => ({ status, exit, message })

export const catalogue = {
  // What S3 says, by AWS's names.
  AccessDenied: row(403, 4, 'Access Denied'),
  AuthorizationHeaderMalformed: row(400, 4, 'The authorization header is malformed.'),
  AuthorizationQueryParametersError: row(400, 4, 'Error parsing the X-Amz-Credential parameter.'),
  BadDigest: row(
    400,
    2,
    'The Content-MD5 or checksum value that you specified did not match what was received.',
  ),
  BadRequest: row(400, 2, 'The request could not be understood.'),
  EntityTooLarge: row(413, 2, 'Your proposed upload exceeds the maximum allowed object size.'),
  ExpectationFailed: row(417, 2, 'Of the Expect header only 100-continue is understood.'),
  ExpiredToken: row(400, 4, 'The provided token has expired.'),
  IncompleteBody: row(
    400,
    2,
    'You did not provide the number of bytes specified by the Content-Length HTTP header.',
  ),
  InternalError: row(500, 1, 'We encountered an internal error. Please try again.'),
  InvalidAccessKeyId: row(403, 4, 'The access key ID that you provided does not exist in our records.'),
  InvalidArgument: row(400, 2, 'Invalid Argument'),
  InvalidBucketName: row(400, 2, 'The specified bucket is not valid.'),
  InvalidDigest: row(400, 2, 'The Content-MD5 or checksum value that you specified is not valid.'),
  InvalidPartNumber: row(416, 2, 'The requested partnumber is not satisfiable.'),
  InvalidRange: row(416, 2, 'The requested range is not satisfiable.'),
  InvalidRequest: row(400, 2, 'Invalid Request'),
  InvalidURI: row(400, 2, "Couldn't parse the specified URI."),
  KeyTooLongError: row(400, 2, 'Your key is too long.'),
  MalformedXML: row(
    400,
    2,
    'The XML you provided was not well-formed or did not validate against our published schema.',
  ),
  MethodNotAllowed: row(405, 4, 'The specified method is not allowed against this resource.'),
  MissingContentLength: row(411, 2, 'You must provide the Content-Length HTTP header.'),
  MissingSecurityHeader: row(400, 2, 'Your request is missing a required header.'),
  NoSuchBucket: row(404, 3, 'The specified bucket does not exist.'),
  NoSuchKey: row(404, 3, 'The specified key does not exist.'),
  NoSuchTagSet: row(404, 3, 'The TagSet does not exist.'),
  NoSuchUpload: row(404, 3, 'The specified multipart upload does not exist.'),
  NotImplemented: row(
    501,
    2,
    'A header or query you provided implies functionality that is not implemented.',
  ),
  PreconditionFailed: row(412, 8, 'At least one of the preconditions you specified did not hold.'),
  RequestExpired: row(400, 4, 'Request has expired.'),
  RequestHeaderSectionTooLarge: row(
    431,
    2,
    'Your request header and query section exceed the maximum allowed size.',
  ),
  RequestTimeout: row(
    408,
    9,
    'Your socket connection to the server was not read from or written to within the timeout period.',
  ),
  RequestTimeTooSkewed: row(
    403,
    4,
    "The difference between the request time and the server's time is too large.",
  ),
  ServiceUnavailable: row(503, 9, 'Service is unable to handle request.'),
  SignatureDoesNotMatch: row(
    403,
    4,
    'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
  ),
  SlowDown: row(503, 9, 'Please reduce your request rate.'),
  XAmzContentSHA256Mismatch: row(
    400,
    2,
    "The provided 'x-amz-content-sha256' header does not match what was computed.",
  ),

  // What the control API and the CLI say.
  AliasTaken: row(409, 8, 'Another disk has that alias.'),
  AlreadyMounted: row(409, 8, 'The disk is mounted already.'),
  DaemonRunning: row(409, 8, 'A daemon is running on this state directory already.'),
  DaemonNotRunning: row(503, 9, 'No daemon answers on the control socket.'),
  DiskOffline: row(503, 9, "The disk's root is not the one that was adopted, or can't be reached."),
  InvalidAlias: row(400, 2, 'An alias is a valid bucket name: 3 to 63 of a-z, 0-9, "." and "-".'),
  InvalidSetting: row(400, 2, 'That is not a value for this setting.'),
  KeyInUse: row(409, 8, 'The key is in use.'),
  KeyringInvalid: row(500, 1, "The keyring can't be used."),
  MountFailed: row(500, 1, 'The disk could not be mounted.'),
  MountBusy: row(409, 8, 'Somebody uses the mount.'),
  NoSuchDisk: row(404, 3, 'There is no such disk.'),
  NoSuchKeyringKey: row(404, 3, 'The keyring has no such key.'),
  NoSuchRoute: row(404, 3, 'There is no such route.'),
  NoSuchUser: row(404, 3, 'The disk has no such S3 user.'),
  MisdirectedRequest: row(421, 2, 'The Host header names somebody else.'),
  NotADirectory: row(400, 2, 'A disk needs a directory.'),
  NotMounted: row(409, 8, 'The disk is not mounted.'),
  PortTaken: row(409, 8, 'Another process listens on that address.'),
  RootConflict: row(
    409,
    8,
    'A root must be disjoint from the state directory and from mount points of ours.',
  ),
  ShareExpired: row(410, 4, 'This link has expired.'),
  ShareInvalid: row(403, 4, 'This link is not valid.'),
  StorageFull: row(507, 9, 'The file system of the state directory is full.'),
  StoreDamaged: row(500, 1, "The daemon's records are damaged."),
  Unsupported: row(501, 1, 'This machine lacks what that needs.'),
  Untrusted: row(403, 4, 'Others than the daemon could change what lies there.'),
  Usage: row(400, 2, 'That is not how this command is called.'),
  UserExists: row(409, 8, 'The disk has an S3 user of that name already.'),
} as const satisfies Record<string, Row>

export type FaultCode = keyof typeof catalogue

/** An answer for the caller: a code of the catalogue, and what is particular about this case. */
export class Fault extends Error {
  readonly code: FaultCode
  /** More elements for S3's XML body (`<Key>`, `<BucketName>`, …) or the control API's error. Never a secret. */
  readonly details: Readonly<Record<string, string>>
  /** More response headers, as `Allow` or `Retry-After`. */
  readonly headers: Readonly<Record<string, string>>

  constructor(
    code: FaultCode,
    message?: string,
    more: { details?: Record<string, string>; headers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(message ?? catalogue[code].message, more.cause === undefined ? undefined : { cause: more.cause })
    this.name = 'Fault'
    this.code = code
    this.details = more.details ?? {}
    this.headers = more.headers ?? {}
  }

  get status(): number {
    return catalogue[this.code].status
  }

  get exit(): number {
    return catalogue[this.code].exit
  }
}
