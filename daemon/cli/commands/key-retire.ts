import type { Command } from '../command.ts'

export const keyRetire: Command = {
  name: 'key retire',
  summary: 'Forget a key, and with it every secret and link made by it',
  arguments: [{ name: 'KEY', doc: 'its id, as "key list" shows it; not the current one' }],
  flags: {},
  run: async (call) => {
    const id = call.argument('KEY')
    await call.client.ask('retireKey', { id })
    call.output.result(
      { retired: id },
      () => `${id} is retired; secrets and links made by it are refused from now on`,
    )
  },
}
