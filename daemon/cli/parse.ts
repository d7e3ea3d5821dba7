/** From what was typed to a command and its values. Throws a Usage fault that names the word and the remedy. */
import { parseArgs } from 'node:util'
import { Fault } from '../../lib/errors.ts'
import { nearWords } from '../../lib/near-words.ts'
import { commonFlags, flagsOf, type Command, type Flags } from './command.ts'

export interface Typed {
  /** Undefined: no command was named. */
  readonly command: Command | undefined
  /** The first word that several commands share, where it was named alone and help was asked for. */
  readonly group: string | undefined
  readonly values: ReadonlyMap<string, readonly (string | true)[]>
  readonly positionals: readonly string[]
}

/** Flags that stand where a command would. */
const versionFlag = { version: { doc: 'print the version' } } as const satisfies Flags

export function parse(commands: readonly Command[], typed: readonly string[]): Typed {
  // "twofold help disk set", as people type it who come from git.
  const argv = typed[0] === 'help' ? [...typed.slice(1), '--help'] : typed
  const { command, group, rest } = findCommand(commands, argv)
  const flags: Flags = command === undefined ? { ...versionFlag, ...commonFlags } : flagsOf(command)
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, flag]) => [
      name,
      {
        type: flag.value === undefined ? ('boolean' as const) : ('string' as const),
        multiple: true as const,
        ...(flag.short === undefined ? {} : { short: flag.short }),
      },
    ]),
  )
  const values = new Map<string, readonly (string | true)[]>()
  let positionals: string[] = []
  try {
    const parsed = parseArgs({ args: rest, options, allowPositionals: true, strict: true })
    for (const [name, given] of Object.entries(parsed.values))
      if (Array.isArray(given))
        values.set(
          name,
          given.map((value) => (typeof value === 'string' ? value : true)),
        )
    positionals = parsed.positionals
  } catch (error) {
    throw new Fault('Usage', usageMessage(error, flags, command))
  }
  if (command !== undefined && !values.has('help')) {
    checkCount(command, positionals)
    checkEmpty(command, values, positionals)
  }
  return { command, group, values, positionals }
}

/** A command is named by its first word, or its first two; common flags may stand before it. */
function findCommand(
  commands: readonly Command[],
  argv: readonly string[],
): { command: Command | undefined; group?: string; rest: string[] } {
  const words: number[] = []
  for (let i = 0; i < argv.length && words.length < 2; i++) {
    const word = argv[i] ?? ''
    if (word === '--') break
    if (['--state', '--config'].includes(word) && words.length === 0) i++
    else if (!word.startsWith('-')) words.push(i)
    else if (words.length > 0) break
  }
  const [first, second] = words
  if (first === undefined) return { command: undefined, rest: [...argv] }
  const one = argv[first] ?? ''
  const two = second === undefined ? undefined : `${one} ${argv[second]}`
  const command = commands.find(({ name }) => name === two) ?? commands.find(({ name }) => name === one)
  if (command === undefined && two === undefined && argv.some((word) => word === '--help' || word === '-h')) {
    const isGroup = commands.some(({ name }) => name.startsWith(`${one} `))
    if (isGroup) return { command, group: one, rest: argv.filter((_, i) => i !== first) }
  }
  if (command === undefined) throw new Fault('Usage', unknownCommand(commands, one, two))
  const taken = command.name === two ? [first, second] : [first]
  return { command, rest: argv.filter((_, i) => !taken.includes(i)) }
}

function unknownCommand(commands: readonly Command[], one: string, two: string | undefined): string {
  const group = commands.filter(({ name }) => name.startsWith(`${one} `))
  if (group.length > 0) {
    const members = group.map(({ name }) => name.slice(one.length + 1)).join(', ')
    return two === undefined
      ? `"${one}" wants one of: ${members} (twofold ${one} --help explains)`
      : `"${two}" is no command; "${one}" has: ${members}`
  }
  const [near] = nearWords(one, [...new Set(commands.map(({ name }) => name.split(' ')[0] ?? ''))])
  return `"${one}" is no command${near === undefined ? '' : `, did you mean "${near}"?`} (twofold --help lists them)`
}

function usageMessage(error: unknown, flags: Flags, command: Command | undefined): string {
  const remedy = `(twofold ${command === undefined ? '' : `${command.name} `}--help lists them)`
  const message = error instanceof Error ? error.message : String(error)
  const unknown = /^Unknown option '([^']*)'/.exec(message)?.[1]
  if (unknown !== undefined) {
    const [near] = nearWords(unknown.replace(/^-+/, ''), Object.keys(flags))
    return `"${unknown}" is no option here${near === undefined ? '' : `, did you mean "--${near}"?`} ${remedy}`
  }
  const ambiguous = /^Option '(?:-\w, )?(--[\w-]+)(?: <value>)?' argument is ambiguous/.exec(message)?.[1]
  if (ambiguous !== undefined)
    return `${ambiguous} wants a value; one that begins with a dash is written ${ambiguous}=-VALUE ${remedy}`
  const lacking = /^Option '(?:-\w, )?(--[\w-]+) <value>' argument missing/.exec(message)?.[1]
  if (lacking !== undefined) return `${lacking} wants a value ${remedy}`
  const [sentence] = message.split(/[.\n]\s*/)
  return `${sentence?.replace(/^Option '/, "option '") ?? message} ${remedy}`
}

function checkCount(command: Command, positionals: readonly string[]): void {
  const missing = command.arguments[positionals.length]
  if (missing !== undefined && missing.optional === undefined)
    throw new Fault('Usage', `${missing.name} is missing: ${synopsis(command)}`)
  const extra = positionals[command.arguments.length]
  if (extra !== undefined && command.arguments.at(-1)?.many === undefined)
    throw new Fault('Usage', `"${extra}" is one argument too many: ${synopsis(command)}`)
}

/** A variable that a script forgot to set would otherwise mean the directory that it runs in. */
function checkEmpty(command: Command, values: Typed['values'], positionals: readonly string[]): void {
  const at = positionals.indexOf('')
  const { name } = command.arguments[Math.min(at, command.arguments.length - 1)] ?? {}
  if (at >= 0 && name !== undefined) throw new Fault('Usage', `${name} is empty: ${synopsis(command)}`)
  for (const [flag, given] of values)
    if (given.includes(''))
      throw new Fault('Usage', `--${flag} is empty (twofold ${command.name} --help explains it)`)
}

/** `twofold share DISK PATH [options]` */
export function synopsis(command: Command): string {
  const words = command.arguments.map(({ name, optional, many }) => {
    const shown = many === undefined ? name : `${name}...`
    return optional === undefined ? shown : `[${shown}]`
  })
  return ['twofold', command.name, ...words, '[options]'].join(' ')
}
