/** The access key that `up` prints. */
import type { Client } from '../client.ts'

const stem = 'up'
const isOurs = (name: string): boolean => new RegExp(`^${stem}(-\\d+)?$`).test(name)

/** Makes one for the disk when there is none yet or another is wanted; its secret is known only then. */
export async function userFor(
  client: Client,
  disk: string,
  another: boolean,
): Promise<{ identifier: string; secretAccessKey: string | null }> {
  const users = await client.ask('listUsers', { id: disk })
  const names = new Set(users.map(({ nickname }) => nickname))
  const ours = users.filter(({ nickname }) => isOurs(nickname)).sort(byAge)
  const latest = ours.at(-1)
  if (latest !== undefined && !another) return { identifier: latest.identifier, secretAccessKey: null }
  let name = stem
  for (let n = 2; names.has(name); n++) name = `${stem}-${n}`
  return client.ask('addUser', { id: disk }, { nickname: name })
}

const byAge = (a: { createdAt: string }, b: { createdAt: string }): number =>
  a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : 0
