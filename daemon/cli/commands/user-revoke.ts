import type { Command } from '../command.ts'

export const userRevoke: Command = {
  name: 'user revoke',
  summary: 'Refuse a user from now on',
  details: 'When this returns, no process of the daemon accepts the key any more.',
  arguments: [
    { name: 'DISK', doc: 'its id or alias', completes: 'disk' },
    { name: 'USER', doc: "the user's name or access key" },
  ],
  flags: {},
  run: async (call) => {
    const identifier = call.argument('USER')
    await call.client.ask('revokeUser', { id: call.argument('DISK'), type: 's3' }, { identifier })
    call.output.result({ revoked: identifier }, () => `${identifier} is refused from now on`)
  },
}
