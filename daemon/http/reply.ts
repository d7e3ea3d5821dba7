/** What an operation answers. The server alone turns it into bytes on a socket. */

export interface Reply {
  readonly status: number
  /** Name, value, name, value, … without Content-Length and without what every response carries. */
  readonly headers: readonly string[]
  /** What is sent after the head. A HEAD's reply has none and says in `length` what a GET would have. */
  readonly body: string | FileBody | null
  /** Content-Length; null leaves it out (204, 304). */
  readonly length: number | null
}

/** A stretch of an open file. Whoever sends the reply closes the descriptor, also when nothing is sent of it. */
export interface FileBody {
  readonly fd: number
  /** Bytes from the file's start. */
  readonly offset: number
  readonly length: number
}
