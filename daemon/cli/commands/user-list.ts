import { table } from '../output.ts'
import type { Command } from '../command.ts'

export const userList: Command = {
  name: 'user list',
  summary: "List a disk's access keys",
  arguments: [{ name: 'DISK', doc: 'its id or alias', completes: 'disk' }],
  flags: {},
  run: async (call) => {
    const users = await call.client.ask('listUsers', { id: call.argument('DISK') })
    call.output.result(users, () =>
      users.length === 0
        ? `No access keys. "twofold user add ${call.argument('DISK')} NAME" makes one.`
        : table([
            ['NAME', 'ACCESS KEY', 'ACCESS', 'CREATED'],
            ...users.map((user) => [user.nickname, user.identifier, user.access, user.createdAt]),
          ]),
    )
  },
}
