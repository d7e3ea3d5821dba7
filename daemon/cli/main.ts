/** The CLI from argv to exit status. Nothing but what the command needs is loaded. */
import { currentPlace, loadConfig } from '../../lib/config.ts'
import { version } from '../../lib/version.ts'
import { Client } from './client.ts'
import { Call, type Command } from './command.ts'
import { commands } from './commands.ts'
import { groupHelp, help, overview } from './help.ts'
import { Output, type Sink } from './output.ts'
import { parse } from './parse.ts'

/** Answers the exit status; throws nothing. */
export async function twofold(argv: readonly string[], stdout: Sink, stderr: Sink): Promise<number> {
  const output = new Output(wantsJson(argv), stdout, stderr)
  try {
    return await run(commands, argv, output)
  } catch (error) {
    return output.failure(error)
  }
}

async function run(table: readonly Command[], argv: readonly string[], output: Output): Promise<number> {
  const { command, group, values, positionals } = parse(table, argv)
  if (values.has('version')) {
    output.result({ version }, () => version)
    return 0
  }
  if (command === undefined) {
    output.text(group === undefined ? overview(table) : groupHelp(table, group))
    return values.has('help') ? 0 : 2
  }
  if (values.has('help')) {
    output.text(help(command))
    return 0
  }
  const call: Call = new Call(command, values, positionals, output, {
    cwd: currentPlace().cwd,
    connect: () => new Client(loadConfig({ state: call.text('state') }, call.text('config')).controlSocket),
  })
  return (await command.run(call)) ?? 0
}

/** Known before anything is parsed, so that a mistake in the very call is told as JSON too. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv.slice(0, end < 0 ? undefined : end).includes('--json')
}
