import { table } from '../output.ts'
import type { Command } from '../command.ts'

export const keyList: Command = {
  name: 'key list',
  summary: "List the keys of the daemon's keyring",
  details:
    'S3 secrets derive from these keys and links are signed with them. The keys themselves are never shown.',
  arguments: [],
  flags: {},
  run: async (call) => {
    const keys = await call.client.ask('listKeys')
    call.output.result(keys, () =>
      table([
        ['KEY', '', 'USERS', 'CREATED'],
        ...keys.map((key) => [key.id, key.current ? 'current' : '', String(key.users), key.createdAt]),
      ]),
    )
  },
}
