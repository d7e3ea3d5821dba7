/** What `up` says when all is ready. */
import type { DiskView } from '../../control/schema.ts'
import { changeText, type Change } from './changes.ts'
import { clientConfigs, environment, type Access } from '../client-configs.ts'
import { table } from '../output.ts'
import { ownCommand } from '../own-command.ts'
import { shellQuote } from '../shell-quote.ts'

export interface Welcome {
  readonly disk: DiskView
  readonly made: 'adopted' | 'sample' | null
  /** What is not as it was. */
  readonly changes: readonly Change[]
  readonly notes: readonly string[]
  /** Why there is no mount, and what to do about it. */
  readonly obstacle: { readonly says: string; readonly remedy?: string } | null
  /** Served as well. */
  readonly others: readonly DiskView[]
  /** The line of `--json`. */
  readonly json: Access & {
    readonly disk: string
    readonly mountpoint: string | null
    readonly changes: readonly Change[]
    readonly notes: readonly string[]
  }
}

/** `joins`: a daemon ran already. `state` is what --state said, which other commands then need too. */
export function welcome(
  { disk, made, changes, notes: said, obstacle, others, json }: Welcome,
  joins: boolean,
  state: string | undefined,
): string {
  const twofold = (command: string) =>
    `${ownCommand()} ${command}${state === undefined ? '' : ` --state ${shellQuote(state)}`}`
  const what =
    made === 'sample' ? `A disk with a few sample files is ready: ${disk.root}` : `${disk.root} is ready.`
  const sections = [what]
  if (disk.offlineReason !== null) sections.push(`Its disk is offline: ${disk.offlineReason}`)
  if (changes.length > 0) sections.push(`Changed: ${changes.map(changeText).join('; ')}.`)
  sections.push(...said)
  const readOnly = disk.mount?.readOnly === true ? '  (read-only)' : ''
  sections.push(
    table([
      ['  mount', json.mountpoint === null ? 'none' : `${json.mountpoint}${readOnly}`],
      ['  endpoint', json.endpoint],
      ['  bucket', json.bucket],
      ['  access key', json.accessKeyId],
      [
        '  secret',
        json.secretAccessKey === null
          ? 'was shown when the key was made; --new-user makes another key'
          : `${json.secretAccessKey}  (shown this once)`,
      ],
    ]),
  )
  if (obstacle !== null)
    sections.push(
      `No mount: ${obstacle.says}.${obstacle.remedy === undefined ? '' : `\nTo have one: ${obstacle.remedy}.`}`,
    )
  sections.push(`For a shell, once:\n\n${indented(environment(json))}`)
  for (const { client, kind, lines } of clientConfigs.filter(({ first }) => first === true))
    sections.push(`${client}${kind === 'shell' ? '' : ` (${kind})`}:\n\n${indented(lines(json))}`)
  const notes = [
    'Who holds the access key reads every file of the disk, whatever its mode bits say.',
    `A link for any browser: ${twofold(`share ${disk.name} FILE`)}. More clients: ${twofold('doctor')}.`,
  ]
  if (others.length > 0) notes.push(`Served as well: ${others.map(({ name }) => name).join(', ')}.`)
  notes.push(
    joins
      ? made === null
        ? 'A daemon was running on this state, and serves this disk already.'
        : `A daemon was running on this state, so the disk was added to it; ${twofold(`disk remove ${disk.name}`)} takes it out again.`
      : `Ctrl-C ${json.mountpoint === null ? '' : 'unmounts and '}stops.`,
  )
  sections.push(notes.join('\n'))
  return `\n${sections.join('\n\n')}\n`
}

const indented = (lines: readonly string[]): string =>
  lines
    .map((line) => (line === '' ? '' : `  ${line}`))
    .join('\n')
    .trimEnd()
