/**
 * What a child process is reduced to before its first line of our code runs: a user, capabilities, and a Landlock
 * domain of what it may reach. The kernel holds it to that, whoever takes the process over, and so for all that it
 * starts. What Node itself needs is added where it is applied (confine.ts).
 *
 * A domain only ever gets narrower: what is to be reached later needs another process.
 */
import type { RootIdentity } from '../../lib/disk.ts'
import type { Capability } from '../../lib/sys/capabilities.ts'

/** A user and a group, by number; it is in no other group. */
export interface ProcessUser {
  readonly uid: number
  readonly gid: number
}

/** A directory, and all beneath it whatever is mounted there. */
export interface Reach {
  /** Absolute. One that isn't there when the process starts is left out, and so is one that is somebody else. */
  readonly path: string
  /** Who it must be; null for whoever is there. */
  readonly identity: RootIdentity | null
}

export interface Confinement {
  /** Whom it runs as; null for whoever we are. */
  readonly user: ProcessUser | null
  /** Of the capabilities that we have: it has no others, also as user 0. */
  readonly keeps: readonly Capability[]
  /**
   * What it may read. It writes nowhere, makes nothing, connects by no TCP, binds no port, and reaches by signals,
   * ptrace and abstract sockets no process outside.
   */
  readonly reads: readonly Reach[]
  /**
   * It may make sockets, and connect them where the above lets it. Without it, it has those that it is handed: no unix
   * socket that its user may open is reached, which Landlock doesn't guard, and no UDP.
   */
  readonly connects: boolean
}

/** The descriptor at which launch.ts is told what to become. */
export const launchFd = 6

/** What launch.ts is told, as JSON: what to become, and as whom. */
export interface Launch {
  /** The compiled composition root, absolute. */
  readonly module: string
  readonly execArgv: readonly string[]
  /** Descriptors that it finds open, beside the standard ones. */
  readonly descriptors: readonly number[]
  /** Of the IPC channel. */
  readonly channel: number
  readonly confinement: Confinement
}
