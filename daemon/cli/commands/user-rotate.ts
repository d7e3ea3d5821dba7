import { secretText } from '../describe.ts'
import type { Command } from '../command.ts'

export const userRotate: Command = {
  name: 'user rotate',
  summary: 'Give a user a new access key and secret',
  details: `The old key is dead when this returns. Where both must work for a while, add a second user instead and
revoke the first one later.`,
  arguments: [
    { name: 'DISK', doc: 'its id or alias', completes: 'disk' },
    { name: 'USER', doc: "the user's name or access key" },
  ],
  flags: {},
  run: async (call) => {
    const user = await call.client.ask(
      'rotateUser',
      { id: call.argument('DISK') },
      { identifier: call.argument('USER') },
    )
    call.output.result(user, () => secretText(user))
  },
}
