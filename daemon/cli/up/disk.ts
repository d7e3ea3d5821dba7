/** The disk that `up` is about. */
import type { DiskView } from '../../control/schema.ts'
import { aliasFor, aliasNote } from '../alias.ts'
import type { Client } from '../client.ts'
import { writeSample } from '../../../lib/tree/sample.ts'

export interface OpenedDisk {
  readonly disk: DiskView
  readonly made: 'adopted' | 'sample' | null
  /** As it was, where it was there. */
  readonly before: DiskView | null
  /** What is to be said of its name, one sentence. */
  readonly note: string | undefined
}

/** `directory` is canonical. Finds its disk or makes it; without one the newest disk, or a sample. */
export async function openDisk(
  client: Client,
  directory: string | undefined,
  alias: string | undefined,
): Promise<OpenedDisk> {
  const disks = await client.everyDisk()
  const before = directory === undefined ? disks.at(-1) : disks.find(({ root }) => root === directory)
  if (before !== undefined)
    return { disk: await renamed(client, before, alias), made: null, before, note: undefined }
  if (directory === undefined) {
    const { disk } = await client.ask('createDisk', {}, { name: alias ?? 'sample' })
    writeSample(disk.root)
    return { disk, made: 'sample', before: null, note: undefined }
  }
  const derived = aliasFor(directory, new Set(disks.map(({ name }) => name)))
  const { disk } = await client.ask('createDisk', {}, { root: directory, name: alias ?? derived.alias })
  const note = alias === undefined ? aliasNote(derived, disk.name) : undefined
  return { disk, made: 'adopted', before: null, note }
}

const renamed = async (client: Client, disk: DiskView, alias: string | undefined): Promise<DiskView> =>
  alias === undefined || alias === disk.alias
    ? disk
    : client.ask('changeDisk', { id: disk.id }, { name: alias })
