/**
 * What a command of the CLI is. Parsing, help and shell completion are all made from these tables, so a flag
 * is written down once.
 */
import { resolve } from 'node:path'
import { settingNames, settings, type Written } from '../../lib/config.ts'
import { Fault } from '../../lib/errors.ts'
import type { Client } from './client.ts'
import type { Output } from './output.ts'

/** What a shell may offer in a place. */
export type Completes = 'directory' | 'disk' | 'file' | readonly string[]

export interface Argument {
  readonly name: string
  readonly doc: string
  readonly optional?: true
  /** Takes all that remain; the last one only. */
  readonly many?: true
  readonly completes?: Completes
}

export interface Flag {
  readonly doc: string
  /** What stands for its value in help. Absent: the flag takes none. */
  readonly value?: string
  readonly short?: string
  /** May be given more than once. */
  readonly many?: true
  readonly completes?: Completes
}

export type Flags = Readonly<Record<string, Flag>>

export interface Command {
  /** One word, or two where a group of commands shares the first. */
  readonly name: string
  /** One line, imperative, without a full stop. */
  readonly summary: string
  /** Paragraphs for `--help`. */
  readonly details?: string
  readonly arguments: readonly Argument[]
  readonly flags: Flags
  /** It runs the daemon: each of the configuration's settings is a flag too. */
  readonly takesSettings?: true
  /** Lines that work when pasted. */
  readonly examples?: readonly string[]
  /** Exit statuses that mean something particular to this command, beside the ones that all share. */
  readonly exits?: Readonly<Record<number, string>>
  /** Resolves with an exit status; nothing means 0. Throws a Fault for everything that the caller can mend. */
  readonly run: (call: Call) => Promise<number | void>
}

/** Flags that every command takes. */
export const commonFlags = {
  json: { doc: 'print JSON, one value a line; errors too' },
  state: {
    doc: 'where the daemon keeps its state, socket and mounts',
    value: 'DIR',
    completes: 'directory',
  },
  config: {
    doc: 'read settings from this file',
    value: 'FILE',
    completes: 'file',
  },
  help: { doc: 'explain the command', short: 'h' },
} as const satisfies Flags

/** The daemon's settings as flags; `state` is among the common ones. */
export const settingFlags: Flags = Object.fromEntries(
  settingNames
    .filter((name) => name !== 'state')
    .map((name) => {
      const { flag, doc, defaultText, default: value, isSwitch }: SettingRow = settings[name]
      const fallback = defaultText ?? String(value)
      return [flag, isSwitch === true ? { doc } : { doc: `${doc} (${fallback})`, value: 'VALUE' }]
    }),
)

interface SettingRow {
  readonly flag: string
  readonly doc: string
  readonly default: unknown
  readonly defaultText?: string
  readonly isSwitch?: boolean
}

/** Every flag that a command takes. */
export const flagsOf = (command: Command): Flags => ({
  ...command.flags,
  ...commonFlags,
  ...(command.takesSettings === true ? settingFlags : {}),
})

/**
 * What all commands' exit statuses mean. The rows of `lib/errors.ts` choose among them. None is 5 to 7, which systemd
 * would call NOTINSTALLED, NOTCONFIGURED and NOTRUNNING (systemd.exec(5)).
 */
export const exitStatuses: Readonly<Record<number, string>> = {
  0: 'done',
  1: 'failed for a reason that none below names',
  2: 'called wrongly: an unknown flag, a value out of range',
  3: 'there is no such disk, user or file',
  4: 'refused: the caller may not do that',
  8: 'in conflict with what is there already',
  9: 'not now: no daemon answers, or a disk is offline; try again later',
}

/** Where a command is called. */
export interface Place {
  /** Relative paths count from here. */
  readonly cwd: string
  readonly connect: () => Client
}

/** One invocation: what was typed, where it may print, whom it may ask. */
export class Call {
  readonly output: Output
  readonly #command: Command
  readonly #values: ReadonlyMap<string, readonly (string | true)[]>
  readonly #positionals: readonly string[]
  readonly #place: Place

  constructor(
    command: Command,
    values: ReadonlyMap<string, readonly (string | true)[]>,
    positionals: readonly string[],
    output: Output,
    place: Place,
  ) {
    this.#command = command
    this.#values = values
    this.#positionals = positionals
    this.output = output
    this.#place = place
  }

  /** The control API of the daemon whose state `--state` names. Opens no connection before its first request. */
  get client(): Client {
    return this.#place.connect()
  }

  /** Whether the flag was given. */
  on(flag: string): boolean {
    return this.#list(flag).length > 0
  }

  /** A flag's value, the last one where it was given twice. */
  text(flag: string): string | undefined {
    const value = this.#list(flag).at(-1)
    return value === true ? undefined : value
  }

  /** A flag's value, one of `choices`. */
  choice<const T extends string>(flag: string, choices: readonly T[]): T | undefined {
    const text = this.text(flag)
    if (text === undefined) return undefined
    const found = choices.find((choice) => choice === text)
    if (found === undefined)
      throw new Fault('Usage', `--${flag} takes ${choices.join(' or ')}, not "${text}"`)
    return found
  }

  /** The settings that were given as flags. */
  get written(): Written {
    const flags = settingNames.filter((name) => settings[name].flag in flagsOf(this.#command))
    const given = flags.map((name) => {
      const value = this.#values.get(settings[name].flag)?.at(-1)
      return [name, value] as const
    })
    return Object.fromEntries(given.filter(([, value]) => value !== undefined))
  }

  /** A path that somebody typed, absolute. */
  path(typed: string): string {
    return resolve(this.#place.cwd, typed)
  }

  /** Every value of a flag, in order. */
  texts(flag: string): string[] {
    return this.#list(flag).filter((value) => value !== true)
  }

  /** An argument by its name in the table; a missing one has been refused before `run`. */
  argument(name: string): string {
    return this.argumentIfAny(name) ?? ''
  }

  argumentIfAny(name: string): string | undefined {
    return this.#positionals[this.#index(name)]
  }

  /** The values of the argument that takes all that remain. */
  arguments(name: string): string[] {
    return this.#positionals.slice(this.#index(name))
  }

  #index(name: string): number {
    const index = this.#command.arguments.findIndex((argument) => argument.name === name)
    if (index < 0) throw new Error(`${this.#command.name} has no argument ${name}`)
    return index
  }

  #list(flag: string): readonly (string | true)[] {
    if (!(flag in flagsOf(this.#command))) throw new Error(`${this.#command.name} has no flag ${flag}`)
    return this.#values.get(flag) ?? []
  }
}
