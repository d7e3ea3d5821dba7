/** Help, from the command tables. */
import { commonFlags, exitStatuses, settingFlags, type Command, type Flags } from './command.ts'
import { definitions } from './output.ts'
import { synopsis } from './parse.ts'

export function overview(commands: readonly Command[]): string {
  return `Twofold: a directory as a FUSE mount and as an S3 bucket.

Usage: twofold COMMAND [options]

${indented(definitions(commands.map(({ name, summary }) => [name, summary] as const)))}

Start here:   twofold up DIRECTORY
One command:  twofold COMMAND --help
Version:      twofold --version
`
}

/** What begins with one word: `twofold disk --help`. */
export function groupHelp(commands: readonly Command[], group: string): string {
  const members = commands.filter(({ name }) => name.startsWith(`${group} `))
  return `Usage: twofold ${group} COMMAND [options]

${indented(definitions(members.map(({ name, summary }) => [name, summary] as const)))}

One command:  twofold ${members[0]?.name} --help
`
}

export function help(command: Command): string {
  const sections = [`${synopsis(command)}\n\n${command.summary}.`]
  if (command.details !== undefined) sections.push(command.details.trim())
  if (command.arguments.length > 0)
    sections.push(
      titled('ARGUMENTS', definitions(command.arguments.map(({ name, doc }) => [name, doc] as const))),
    )
  sections.push(titled('OPTIONS', definitions(flagRows({ ...command.flags, ...commonFlags }))))
  if (command.takesSettings === true) {
    const intro =
      'Each is also an environment variable and a key of the configuration file, see docs/configuration.md.'
    sections.push(titled('SETTINGS', `${intro}\n\n${definitions(flagRows(settingFlags))}`))
  }
  if (command.examples !== undefined) sections.push(titled('EXAMPLES', command.examples.join('\n')))
  const exits = Object.entries({ ...exitStatuses, ...command.exits })
  sections.push(titled('EXIT STATUS', definitions(exits)))
  return `${sections.join('\n\n')}\n`
}

const flagRows = (flags: Flags): (readonly [string, string])[] =>
  Object.entries(flags).map(([name, { short, value, doc }]) => [
    `${short === undefined ? '    ' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`,
    doc,
  ])

const titled = (title: string, text: string): string => `${title}\n${indented(text)}`

const indented = (text: string): string => text.replace(/^(?=.)/gm, '  ')
