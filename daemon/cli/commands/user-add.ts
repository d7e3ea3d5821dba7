import { secretText } from '../describe.ts'
import type { Command } from '../command.ts'

export const userAdd: Command = {
  name: 'user add',
  summary: 'Make an access key for a disk',
  details: `It opens that one disk and nothing else. The secret is printed this once and stored nowhere.
"twofold doctor" prints how to give it to aws, rclone, boto3, DuckDB and others.`,
  arguments: [
    { name: 'DISK', doc: 'its id or alias', completes: 'disk' },
    { name: 'NAME', doc: 'who or what uses the key; unique on the disk' },
  ],
  flags: {
    access: {
      doc: 'ro (the default) or rw, for when writing over S3 comes: no operation writes yet',
      value: 'ACCESS',
      completes: ['ro', 'rw'],
    },
  },
  examples: ['twofold user add photos backup'],
  run: async (call) => {
    const access = call.choice('access', ['ro', 'rw'])
    const user = await call.client.ask(
      'addUser',
      { id: call.argument('DISK') },
      { nickname: call.argument('NAME'), access },
    )
    call.output.result(user, () => secretText(user))
  },
}
