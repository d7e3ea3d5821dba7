import type { Command } from '../command.ts'

export const keyRotate: Command = {
  name: 'key rotate',
  summary: 'Begin a new key; the old ones stay valid until retired',
  arguments: [],
  flags: {},
  run: async (call) => {
    const key = await call.client.ask('rotateKey')
    call.output.result(
      key,
      () => `${key.id} is current; what older keys signed stays valid until they are retired`,
    )
  },
}
