/**
 * Confines this thread, for good, as a `Confinement` says. Only what it executes next is confined whole: other
 * threads of this process keep what they have.
 */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Fault } from '../../lib/errors.ts'
import {
  capabilityBits,
  disempowerRoot,
  keepCapabilities,
  limitCapabilities,
  permittedCapabilities,
  setAmbientCapabilities,
  setCapabilities,
  setNoNewPrivileges,
} from '../../lib/sys/capabilities.ts'
import { errno, errnoName } from '../../lib/sys/errno.ts'
import { setGroup, setgroups, setUser } from '../../lib/sys/identity.ts'
import { ACCESS, allowBeneath, createRuleset, landlockAbi, restrictSelf } from '../../lib/sys/landlock.ts'
import { must } from '../../lib/sys/libc.ts'
import { loadedFiles } from '../../lib/sys/loaded-files.ts'
import { AT_FDCWD, close, O, openat2, RESOLVE } from '../../lib/sys/open.ts'
import { giveUp, systemCalls, type SystemCall } from '../../lib/sys/seccomp.ts'
import { isDirectory, statFd } from '../../lib/sys/stat.ts'
import { identifyOpened, isSameRoot } from '../../lib/tree/root.ts'
import type { Confinement, ProcessUser, Reach } from './confinement.ts'

const read = ACCESS.READ_FILE | ACCESS.READ_DIR
/** Of these, the rights that may be given for what is no directory. */
const ofFiles = ACCESS.EXECUTE | ACCESS.WRITE_FILE | ACCESS.READ_FILE

const connecting: readonly SystemCall[] = ['socket', 'connect']

/** dist/, in which all of our modules are. */
const modules = fileURLToPath(new URL('../..', import.meta.url))

/**
 * What Node needs, beside what it has loaded already. Never /etc: a rule on it would open /etc/shadow to who keeps
 * CAP_DAC_READ_SEARCH.
 */
const system: readonly (readonly [path: string, access: bigint])[] = [
  ...['/lib', '/lib32', '/lib64', '/usr/lib', '/usr/lib32', '/usr/lib64', '/usr/local/lib'].map(
    (path) => [path, read | ACCESS.EXECUTE] as const,
  ),
  ['/nix/store', read | ACCESS.EXECUTE],
  ['/gnu/store', read | ACCESS.EXECUTE],
  ['/etc/ld.so.cache', read],
  // OpenSSL ends the process where it may not read it, and does without where it isn't there.
  ['/etc/ssl/openssl.cnf', read],
  ['/etc/pki/tls/openssl.cnf', read],
  ['/etc/localtime', read],
  ['/usr/share/zoneinfo', read],
  // Its own threads and descriptors; what belongs to others there, ptrace's rules guard.
  ['/proc', read],
  // How much memory it may use.
  ['/sys/fs/cgroup', read],
  // Node opens it at its start, and aborts where it can't.
  ['/dev/null', read | ACCESS.WRITE_FILE],
  ['/dev/urandom', read],
]

/** Where Node looks for what a module of ours imports. */
function packages(): string[] {
  const found: string[] = [join(dirname(modules), 'package.json')]
  for (let above = modules; above !== dirname(above); above = dirname(above))
    found.push(join(dirname(above), 'node_modules'))
  return found
}

/** Throws InvalidSetting where the user can't be taken on, and SystemError for what should not fail. */
export function confine({ user, keeps, reads, connects }: Confinement): void {
  // The rules are made with all of our rights: the directories above a root may be closed to others.
  const ruleset = domainOf(reads)
  const permitted = permittedCapabilities()
  const kept = capabilityBits(keeps) & permitted
  if (permitted !== 0n) {
    const limited = [disempowerRoot(), limitCapabilities(kept)]
    // Without CAP_SETPCAP; it matters where user 0 would get all of them back by the next execve.
    const failed = limited.find((result) => result < 0)
    if (failed !== undefined && (user?.uid ?? process.geteuid?.()) === 0) must(failed, 'prctl')
  }
  if (user !== null) takeOn(user)
  if (permitted !== 0n) {
    must(setCapabilities(kept), 'capset')
    must(setAmbientCapabilities(kept), 'prctl')
  }
  must(setNoNewPrivileges(), 'prctl')
  if (ruleset !== undefined) {
    must(restrictSelf(ruleset), 'landlock_restrict_self')
    close(ruleset)
  }
  // Where the kernel has none, the rest must do.
  giveUp(systemCalls.filter((name) => !connects || !connecting.includes(name)))
}

function takeOn({ uid, gid }: ProcessUser): void {
  must(keepCapabilities(), 'prctl')
  const taken = [setgroups([]), setGroup(gid), setUser(uid)].find((result) => result < 0)
  if (taken === undefined) return
  const why =
    taken === -errno.EINVAL ? 'this container has no such number' : `the kernel says ${errnoName(-taken)}`
  throw new Fault(
    'InvalidSetting',
    `the S3 workers can't run as user ${uid}, group ${gid}, since ${why}: name another with --worker-user`,
  )
}

/** Undefined where the kernel has no Landlock. */
function domainOf(reads: readonly Reach[]): number | undefined {
  const abi = landlockAbi()
  if (abi === 0) return undefined
  const ruleset = must(createRuleset(abi), 'landlock_create_ruleset')
  const allow = (
    path: string,
    access: bigint,
    isMeant: (fd: number) => boolean = () => true,
    resolve: number = 0,
  ) => {
    const fd = openat2(AT_FDCWD, path, O.PATH, resolve)
    if (fd < 0) return
    try {
      const stat = statFd(fd)
      if (typeof stat === 'number' || !isMeant(fd)) return
      must(
        allowBeneath(ruleset, fd, isDirectory(stat) ? access : access & ofFiles),
        'landlock_add_rule',
        path,
      )
    } finally {
      close(fd)
    }
  }
  for (const [path, access] of system) allow(path, access)
  for (const path of loadedFiles()) allow(path, read | ACCESS.EXECUTE)
  for (const path of [modules, ...packages()]) allow(path, read | ACCESS.EXECUTE)
  for (const { path, identity } of reads)
    allow(
      path,
      read,
      (fd) => identity === null || isSameRoot(identifyOpened(fd, path), identity),
      // Where nobody says who it must be, it is at least what its canonical path leads to.
      identity === null ? RESOLVE.NO_SYMLINKS : 0,
    )
  return ruleset
}
