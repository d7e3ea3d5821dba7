/**
 * Acting on behalf of a caller. The file system over a disk makes such calls by `OpenDisk.as`; an engine that knows
 * its callers brings a `Credentials` that changes the thread's file-system ids, one that doesn't brings none
 * and everything is made by the daemon's user.
 */
import type { Caller } from '../filesystem.ts'

export interface Credentials {
  /**
   * Makes this thread act as `caller`, its umask included, until `revert`. Only synchronous system calls by
   * koffi may run in between. Never fails: a daemon that may not change its ids stays who it is.
   */
  assume(caller: Caller): void
  revert(): void
  /**
   * Which of the host's limits bind what this thread does from now on: quotas, and blocks that are reserved for root, bind
   * everybody but root.
   */
  limit(caller: Caller): void
}
