/** The disk that `up` is about. */
import type { DiskView } from '../../control/schema.ts'
import { aliasFor } from '../alias.ts'
import type { Client } from '../client.ts'
import { writeSample } from '../../../lib/tree/sample.ts'

/** `directory` is canonical. Finds its disk or makes it; without one the newest disk, or a sample. */
export async function openDisk(
  client: Client,
  directory: string | undefined,
  alias: string | undefined,
): Promise<{ disk: DiskView; made: 'adopted' | 'sample' | null }> {
  const disks = await client.everyDisk()
  if (directory === undefined) {
    const newest = disks.at(-1)
    if (newest !== undefined) return { disk: await renamed(client, newest, alias), made: null }
    const { disk } = await client.ask('createDisk', {}, { name: alias ?? 'sample' })
    writeSample(disk.root)
    return { disk, made: 'sample' }
  }
  const known = disks.find(({ root }) => root === directory)
  if (known !== undefined) return { disk: await renamed(client, known, alias), made: null }
  const taken = new Set(disks.map(({ name }) => name))
  const name = alias ?? aliasFor(directory, taken)
  const { disk } = await client.ask('createDisk', {}, { root: directory, name })
  return { disk, made: 'adopted' }
}

const renamed = async (client: Client, disk: DiskView, alias: string | undefined): Promise<DiskView> =>
  alias === undefined || alias === disk.alias
    ? disk
    : client.ask('changeDisk', { id: disk.id }, { name: alias })
