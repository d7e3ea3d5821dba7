/** What a process of the soak does, and how what it was promised is found again afterwards. */
import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { appendFileSync, closeSync, existsSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'

export interface Place {
  /** On the mount while it works; in the host's directory when it is checked. */
  readonly directory: string
  /** A file elsewhere: what fsync has promised, a line each. */
  readonly ledger: string
}

export interface Verdict {
  readonly checked: number
  /** What was promised and isn't there, or is there and never was written. */
  readonly lost: readonly string[]
}

export interface Role {
  readonly name: string
  /** 0 is root. */
  readonly user: number
  /** Programs that it runs. */
  readonly needs: readonly string[]
  /** One piece of work. Throws when something failed, be it only that the mount went away. */
  round(place: Place, i: number): Promise<void> | void
  /** Puts away what a round left that failed, before the next. */
  mend?(place: Place): void
  check(place: Place): Verdict
}

export const digest = (bytes: Uint8Array | string): string => createHash('md5').update(bytes).digest('hex')

export const promise = ({ ledger }: Place, line: string): void => appendFileSync(ledger, `${line}\n`)

/** A ledger's lines, in words. */
export const promises = ({ ledger }: Place): string[][] =>
  existsSync(ledger)
    ? readFileSync(ledger, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.split(' '))
    : []

/** Closes a descriptor whose mount may be gone. */
export function letGo(fd: number): void {
  try {
    closeSync(fd)
  } catch {
    // Its mount is gone.
  }
}

const environment = (home: string) => ({
  PATH: process.env['PATH'] ?? '/usr/bin:/bin',
  LC_ALL: 'C',
  HOME: home,
})
const mostOutput = 64 * 1024 * 1024
/** Seconds that a script may take. */
const longest = 180

/** What a shell script prints that is run in `directory`. Rejects when it fails. */
export async function sh(directory: string, script: string): Promise<string> {
  // rsync's processes wait for each other for ever when the mount went away under them.
  const limited = ['--kill-after=5', String(longest), 'sh', '-ec', script]
  const { stdout } = await promisify(execFile)('timeout', limited, {
    cwd: directory,
    env: environment(directory),
    maxBuffer: mostOutput,
  })
  return stdout.trim()
}

/** The same, waited for. */
export const shNow = (directory: string, script: string): string =>
  execFileSync('sh', ['-ec', script], {
    cwd: directory,
    env: environment(directory),
    maxBuffer: mostOutput,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim()
