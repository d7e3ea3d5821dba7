/** A change of the tree as it crosses IPC, which is JSON and knows neither bigint nor bytes. */
import { brand, object, type Parse } from '../../lib/json-values.ts'
import type { Change } from '../../mount/engine.ts'

export interface ChangeRecord {
  /** The directory's host (device, inode), decimal. */
  readonly dev: string
  readonly ino: string
  /** The name's bytes in base64. */
  readonly name: string
}

/** Changes in one message. */
export const mostChanges = 1_000

const matching = (pattern: RegExp, wanted: string) =>
  brand((text) => (pattern.test(text) ? text : undefined), wanted)
const decimal = matching(/^\d{1,20}$/, 'a decimal number')

export const parseChangeRecord: Parse<ChangeRecord> = object({
  dev: decimal,
  ino: decimal,
  // A name is at most 255 bytes.
  name: matching(/^[A-Za-z0-9+/=]{4,340}$/, 'a name in base64'),
})

export const toChangeRecord = ({ directory, name }: Change): ChangeRecord => ({
  dev: String(directory.dev),
  ino: String(directory.ino),
  name: Buffer.from(name).toString('base64'),
})

export const fromChangeRecord = ({ dev, ino, name }: ChangeRecord): Change => ({
  directory: { dev: BigInt(dev), ino: BigInt(ino) },
  name: Buffer.from(name, 'base64'),
})
