/**
 * Shell completion, written out from the command tables: the scripts know every command, flag and fixed
 * choice by themselves, and ask `twofold disk list --names` where a disk is wanted.
 */
import { flagsOf, type Command, type Completes } from './command.ts'

export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

export const completionScript = (shell: Shell, commands: readonly Command[]): string =>
  ({ bash, zsh, fish })[shell](commands)

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** The first words, each once, and the second words of those that are groups. */
function words(commands: readonly Command[]): Map<string, Command[]> {
  const groups = new Map<string, Command[]>()
  for (const command of commands) {
    const [first = ''] = command.name.split(' ')
    groups.set(first, [...(groups.get(first) ?? []), command])
  }
  return groups
}

const isGroup = (members: readonly Command[]): boolean => members.some(({ name }) => name.includes(' '))

const disks = 'twofold disk list --names 2>/dev/null'

function bash(commands: readonly Command[]): string {
  const offer = (completes: Completes | undefined): string => {
    if (completes === 'directory') return 'compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur"))'
    if (completes === 'file') return 'compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur"))'
    if (completes === 'disk') return `COMPREPLY=($(compgen -W "$(${disks})" -- "$cur"))`
    return `COMPREPLY=($(compgen -W "${(completes ?? []).join(' ')}" -- "$cur"))`
  }
  const groups = words(commands)
  const lines = [
    '# bash completion for twofold; source it, or put it into /etc/bash_completion.d',
    '_twofold() {',
    '  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}',
    '  local words=() i skip=',
    '  for ((i = 1; i < COMP_CWORD; i++)); do',
    '    if [[ -n $skip ]]; then skip=; continue; fi',
    '    case ${COMP_WORDS[i]} in',
    `      ${valueFlags(commands).join('|')}) skip=1 ;;`,
    '      -*) ;;',
    '      *) words+=("${COMP_WORDS[i]}") ;;',
    '    esac',
    '  done',
    '  COMPREPLY=()',
    '  local command= args',
    '  case ${words[0]} in',
    `    '') COMPREPLY=($(compgen -W "${[...groups.keys()].join(' ')} --help --version --json --state" -- "$cur")); return ;;`,
  ]
  for (const [first, members] of groups)
    if (isGroup(members)) {
      const seconds = members.map(({ name }) => name.split(' ')[1])
      lines.push(
        `    ${first})`,
        `      if ((\${#words[@]} < 2)); then COMPREPLY=($(compgen -W "${seconds.join(' ')}" -- "$cur")); return; fi`,
        '      command="${words[0]} ${words[1]}"; args=$((${#words[@]} - 2)) ;;',
      )
    }
  lines.push('    *) command=${words[0]}; args=$((${#words[@]} - 1)) ;;', '  esac', '  case $command in')
  for (const command of commands) {
    const flags = flagsOf(command)
    lines.push(`    ${quoted(command.name)})`, '      case $prev in')
    for (const [name, flag] of Object.entries(flags))
      if (flag.value !== undefined) lines.push(`        --${name}) ${offer(flag.completes)}; return ;;`)
    lines.push('      esac')
    const names = Object.keys(flags).map((name) => `--${name}`)
    lines.push(
      `      if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W "${names.join(' ')}" -- "$cur")); return; fi`,
      '      case $args in',
    )
    for (const [i, argument] of command.arguments.entries())
      if (argument.completes !== undefined)
        lines.push(`        ${argument.many === undefined ? i : '*'}) ${offer(argument.completes)} ;;`)
    lines.push('      esac ;;')
  }
  lines.push('  esac', '}', 'complete -F _twofold twofold')
  return `${lines.join('\n')}\n`
}

function zsh(commands: readonly Command[]): string {
  const action = (completes: Completes | undefined): string => {
    if (completes === 'directory') return '_files -/'
    if (completes === 'file') return '_files'
    if (completes === 'disk') return '_twofold_disks'
    return completes === undefined ? ' ' : `(${completes.join(' ')})`
  }
  const plain = (text: string): string => text.replaceAll(/[[\]:]/g, (sign) => `\\${sign}`)
  const specs = (command: Command): string[] => [
    ...Object.entries(flagsOf(command)).map(([name, flag]) => {
      const value = flag.value === undefined ? '' : `:${flag.value}:${action(flag.completes)}`
      const many = flag.many === undefined ? '' : '*'
      return quoted(
        `${many}--${name}${flag.value === undefined ? '' : '='}[${plain(flag.doc)}]${plain(value).replaceAll('\\:', ':')}`,
      )
    }),
    ...command.arguments.map((argument) =>
      quoted(
        `${argument.many === undefined ? '' : '*'}:${argument.optional === undefined ? '' : ':'}${plain(argument.name)}:${action(argument.completes)}`,
      ),
    ),
  ]
  const lines = [
    '#compdef twofold',
    `_twofold_disks() { compadd -- \${(f)"$(${disks})"} }`,
    '_twofold() {',
    '  local first=${words[2]} second=${words[3]}',
    '  if ((CURRENT == 2)); then',
    '    local -a commands=(',
  ]
  const groups = words(commands)
  for (const [first, members] of groups) {
    const doc = isGroup(members)
      ? members.map(({ name }) => name.split(' ')[1]).join(', ')
      : (members[0]?.summary ?? '')
    lines.push(`      ${quoted(`${first}:${doc.replaceAll(':', '\\:')}`)}`)
  }
  lines.push('    ); _describe command commands; return', '  fi', '  case $first in')
  for (const [first, members] of groups) {
    lines.push(`    ${first})`)
    if (!isGroup(members)) {
      const [command] = members
      if (command !== undefined)
        lines.push('      shift words; ((CURRENT--))', `      _arguments -S ${specs(command).join(' ')} ;;`)
      continue
    }
    lines.push('      if ((CURRENT == 3)); then', '        local -a members=(')
    for (const { name, summary } of members)
      lines.push(`          ${quoted(`${name.split(' ')[1]}:${summary.replaceAll(':', '\\:')}`)}`)
    lines.push(
      `        ); _describe ${first} members; return`,
      '      fi',
      '      shift 2 words; ((CURRENT -= 2))',
      '      case $second in',
    )
    for (const command of members)
      lines.push(`        ${command.name.split(' ')[1]}) _arguments -S ${specs(command).join(' ')} ;;`)
    lines.push('      esac ;;')
  }
  lines.push('  esac', '}', 'compdef _twofold twofold 2>/dev/null')
  return `${lines.join('\n')}\n`
}

function fish(commands: readonly Command[]): string {
  const offer = (completes: Completes | undefined): string => {
    if (completes === 'directory') return "-x -a '(__fish_complete_directories)'"
    if (completes === 'file') return '-F'
    if (completes === 'disk') return `-x -a '(${disks})'`
    return completes === undefined ? '-x' : `-x -a ${quoted(completes.join(' '))}`
  }
  const lines = ['# fish completion for twofold', 'complete -c twofold -f']
  for (const [first, members] of words(commands)) {
    const top = '-n __fish_use_subcommand'
    if (!isGroup(members)) {
      const [command] = members
      lines.push(`complete -c twofold ${top} -a ${first} -d ${quoted(command?.summary ?? '')}`)
      if (command !== undefined)
        lines.push(...fishCommand(command, `__fish_seen_subcommand_from ${first}`, offer))
      continue
    }
    const seconds = members.map(({ name }) => name.split(' ')[1] ?? '')
    lines.push(`complete -c twofold ${top} -a ${first} -d ${quoted(seconds.join(', '))}`)
    for (const [i, command] of members.entries()) {
      const waiting = `__fish_seen_subcommand_from ${first}; and not __fish_seen_subcommand_from ${seconds.join(' ')}`
      lines.push(`complete -c twofold -n '${waiting}' -a ${seconds[i]} -d ${quoted(command.summary)}`)
      const chosen = `__fish_seen_subcommand_from ${first}; and __fish_seen_subcommand_from ${seconds[i]}`
      lines.push(...fishCommand(command, chosen, offer))
    }
  }
  return `${lines.join('\n')}\n`
}

function fishCommand(
  command: Command,
  condition: string,
  offer: (completes: Completes | undefined) => string,
): string[] {
  const flags = Object.entries(flagsOf(command)).map(([name, flag]) => {
    const short = flag.short === undefined ? '' : ` -s ${flag.short}`
    const value = flag.value === undefined ? '' : ` ${offer(flag.completes)}`
    return `complete -c twofold -n '${condition}' -l ${name}${short}${value} -d ${quoted(flag.doc)}`
  })
  const [first] = command.arguments.filter(({ completes }) => completes !== undefined)
  return first === undefined
    ? flags
    : [...flags, `complete -c twofold -n '${condition}' ${offer(first.completes)}`]
}

/** Flags whose next word is no argument. */
function valueFlags(commands: readonly Command[]): string[] {
  const names = new Set<string>()
  for (const command of commands)
    for (const [name, flag] of Object.entries(flagsOf(command)))
      if (flag.value !== undefined) names.add(`--${name}`)
  return [...names]
}
