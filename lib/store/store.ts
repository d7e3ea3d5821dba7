/**
 * What must outlive the daemon besides files: one `level` database, opened by one process. Each value carries
 * a check sum, and the count of all changes ever made is kept in a file of its own: level drops what follows a
 * damaged piece of its log without a word, and a dropped revocation would open a door again.
 */
import { createHash, randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { Level } from 'level'
import { Fault } from '../errors.ts'
import { makeDirectories } from '../make-directories.ts'
import { isFull, storageFull } from '../storage-full.ts'
import { errno, errnoOf } from '../sys/errno.ts'
import { schemaVersion, tables, type RecordOf, type TableName } from './records.ts'

/** One change of a batch; a batch happens whole or not at all. */
export type Change =
  | { [N in TableName]: { readonly put: RecordOf<N>; readonly in: N } }[TableName]
  | { readonly remove: string; readonly in: TableName }

export const put = <N extends TableName>(name: N, record: RecordOf<N>) =>
  ({ put: record, in: name }) as unknown as Change
export const remove = (name: TableName, key: string): Change => ({ remove: key, in: name })

const checkOf = (key: string, json: string) =>
  createHash('sha256').update(`${key}\n${json}`).digest('hex').slice(0, 16)

const seal = (key: string, value: unknown) => {
  const json = JSON.stringify(value)
  return `${checkOf(key, json)} ${json}`
}

export class Store {
  #level: Level<string, string>
  readonly #directory: string
  readonly #diverged: () => void
  #changes: number
  /** A write failed, and may have left half of itself at the end of level's log: what followed it would be lost. */
  #broken = false

  private constructor(
    level: Level<string, string>,
    directory: string,
    changes: number,
    diverged: () => void,
  ) {
    this.#level = level
    this.#directory = directory
    this.#changes = changes
    this.#diverged = diverged
  }

  /**
   * Opens the store in `directory`, made when absent. Throws StoreDamaged when another process has it, when it
   * is of a newer version or when changes that were made are missing; StorageFull. `diverged` hears that a write
   * which was said to have failed has happened all the same: what was read before is no longer what is stored.
   */
  static async open(directory: string, diverged: () => void = () => {}): Promise<Store> {
    makeDirectories(directory, 0o700)
    const level = await openLevel(directory)
    try {
      const meta = await readMeta(level, directory)
      const counted = readCount(countFile(directory))
      if (meta.changes < counted) {
        throw new Fault(
          'StoreDamaged',
          `the records in ${directory} lost their last ${counted - meta.changes} changes, revoked users may be back: ` +
            `put back a copy, or accept the loss by removing ${countFile(directory)}`,
        )
      }
      return new Store(level, directory, meta.changes, diverged)
    } catch (thrown) {
      await level.close()
      throw thrown
    }
  }

  /** Every record of a table. Throws StoreDamaged, naming the record. */
  async all<N extends TableName>(name: N): Promise<RecordOf<N>[]> {
    const { prefix, parse } = tables[name]
    const records: RecordOf<N>[] = []
    for await (const [key, value] of this.#level.iterator({ gt: `${prefix}!`, lt: `${prefix}"` })) {
      records.push(unseal(key, value, (json) => parse(json, key) as RecordOf<N>))
    }
    return records
  }

  /**
   * Makes all of `changes` or none; they are on the disk when this resolves. Throws StorageFull, or level's error;
   * the next write then begins with the log read anew.
   */
  async write(changes: readonly Change[]): Promise<void> {
    if (this.#broken) await this.#reopen()
    const count = this.#changes + 1
    try {
      await this.#batch(changes, count)
    } catch (thrown) {
      this.#broken = true
      throw isFull(thrown) ? storageFull(this.#directory) : thrown
    }
    this.#changes = count
    writeCount(countFile(this.#directory), count)
  }

  async #reopen(): Promise<void> {
    await this.#level.close()
    this.#level = await openLevel(this.#directory)
    const { changes } = await readMeta(this.#level, this.#directory)
    if (changes !== this.#changes) {
      this.#diverged()
      throw new Fault('ServiceUnavailable', 'the records are being read anew: try again')
    }
    this.#broken = false
  }

  async #batch(changes: readonly Change[], count: number): Promise<void> {
    const meta = { schema: schemaVersion, changes: count }
    await this.#level.batch<string, string>(
      [
        ...changes.map((change) => {
          const { prefix } = tables[change.in]
          if ('remove' in change) return { type: 'del', key: `${prefix}!${change.remove}` } as const
          const key = `${prefix}!${keyOf(change)}`
          return { type: 'put', key, value: seal(key, change.put) } as const
        }),
        { type: 'put', key: metaKey, value: seal(metaKey, meta) },
      ],
      { sync: true },
    )
  }

  async close(): Promise<void> {
    await this.#level.close()
  }
}

/** Milliseconds that a process which just lost its daemon may take to let go of the store. */
const lockPatience = 5_000

async function openLevel(directory: string): Promise<Level<string, string>> {
  for (const started = Date.now(); ;) {
    const level = new Level<string, string>(directory, { keyEncoding: 'utf8', valueEncoding: 'utf8' })
    try {
      await level.open()
      return level
    } catch (thrown) {
      const cause = thrown instanceof Error ? thrown.cause : undefined
      const locked = cause instanceof Error && 'code' in cause && cause.code === 'LEVEL_LOCKED'
      if (!locked || Date.now() - started > lockPatience) {
        if (isFull(thrown)) throw storageFull(directory)
        throw new Fault('StoreDamaged', `the records in ${directory} can't be opened: ${reason(thrown)}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

const keyOf = (change: Extract<Change, { put: unknown }>): string =>
  (tables[change.in].keyOf as (record: unknown) => string)(change.put)

const reason = (thrown: unknown): string => {
  const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown
  return cause instanceof Error ? cause.message : String(cause)
}

const metaKey = 'meta'
interface Meta {
  readonly schema: number
  /** Batches ever written. */
  readonly changes: number
}

async function readMeta(level: Level<string, string>, directory: string): Promise<Meta> {
  const value: string | undefined = await level.get(metaKey)
  if (value === undefined) {
    for await (const key of level.keys({ limit: 1 })) {
      throw new Fault('StoreDamaged', `the records in ${directory} are damaged: "${key}" has no version`)
    }
    return { schema: schemaVersion, changes: 0 }
  }
  const meta = unseal(metaKey, value, (json): Meta => {
    if (typeof json !== 'object' || json === null || !('schema' in json) || !('changes' in json)) {
      throw new Error('no version')
    }
    return { schema: Number(json.schema), changes: Number(json.changes) }
  })
  if (meta.schema > schemaVersion) {
    throw new Fault(
      'StoreDamaged',
      `the records in ${directory} were written by a newer twofold (schema ${meta.schema}, this one knows ${schemaVersion})`,
    )
  }
  return meta
}

function unseal<T>(key: string, value: string, parse: (json: unknown) => T): T {
  const space = value.indexOf(' ')
  const json = value.slice(space + 1)
  try {
    if (value.slice(0, space) !== checkOf(key, json)) throw new Error('its check sum is wrong')
    return parse(JSON.parse(json))
  } catch (thrown) {
    throw new Fault('StoreDamaged', `the record "${key}" is damaged: ${reason(thrown)}`)
  }
}

/** Beside level's own directory. */
const countFile = (directory: string) => `${directory}.changes`

function readCount(file: string): number {
  try {
    return Number.parseInt(readFileSync(file, 'latin1'), 10) || 0
  } catch {
    return 0
  }
}

/**
 * Replaced whole: a crash leaves the old count, which is at most one behind and never ahead. Where there is no space
 * for that it is written over the old one, which takes none; the change itself is in level already, so that
 * this must not fail it.
 */
function writeCount(file: string, count: number): void {
  const temporary = `${file}.${randomBytes(4).toString('hex')}`
  try {
    writeSynced(temporary, 'wx', `${count}\n`)
    renameSync(temporary, file)
  } catch (thrown) {
    rmSync(temporary, { force: true })
    if (!isFull(thrown)) throw thrown
    overwrite(file, `${count}\n`)
    return
  }
  const directory = openSync(dirname(file), 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

function writeSynced(file: string, flags: string, text: string): void {
  const fd = openSync(file, flags, 0o600)
  try {
    writeSync(fd, text, 0)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function overwrite(file: string, text: string): void {
  try {
    writeSynced(file, 'r+', text)
  } catch (thrown) {
    // Not there, and no space to make it: then nothing is counted yet.
    if (!isFull(thrown) && errnoOf(thrown) !== errno.ENOENT) throw thrown
  }
}
