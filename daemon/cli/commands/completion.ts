import { completionScript, shells } from '../completion.ts'
import { Fault } from '../../../lib/errors.ts'
import type { Command } from '../command.ts'

export const completion: Command = {
  name: 'completion',
  summary: 'Print a script that completes twofold in a shell',
  arguments: [{ name: 'SHELL', doc: 'bash, zsh or fish', completes: shells }],
  flags: {},
  examples: [
    'source <(twofold completion bash)',
    'twofold completion zsh > "${fpath[1]}/_twofold"',
    'twofold completion fish > ~/.config/fish/completions/twofold.fish',
  ],
  run: async (call) => {
    // The table of commands holds this one.
    const { commands } = await import('../commands.ts')
    const shell = shells.find((known) => known === call.argument('SHELL'))
    if (shell === undefined)
      throw new Fault(
        'Usage',
        `"${call.argument('SHELL')}" is no shell that is known here: ${shells.join(', ')}`,
      )
    call.output.text(completionScript(shell, commands))
  },
}
