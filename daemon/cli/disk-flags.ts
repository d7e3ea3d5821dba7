/** Flags that say how a disk is to be, shared by the commands that make one and the one that changes it. */
import { Fault } from '../../lib/errors.ts'
import type { InputOf } from '../control/routes.ts'
import type { Call, Flag, Flags } from './command.ts'

type Settings = NonNullable<InputOf<'createDisk'>['settings']>

interface SettingFlag extends Flag {
  readonly value: string
  readonly key: keyof Settings
  readonly kind: 'text' | 'number' | 'yes or no' | 'directories'
  readonly most?: number
}

const settingFlags: Readonly<Record<string, SettingFlag>> = {
  symlinks: {
    key: 'symlinks',
    kind: 'text',
    value: 'POLICY',
    completes: ['inside', 'deny', 'follow'],
    doc: 'which symbolic links S3 follows: inside (the default), deny, or follow: out of the disk too, into what --follow-into names',
  },
  'follow-into': {
    key: 'followInto',
    kind: 'directories',
    value: 'DIR',
    completes: 'directory',
    many: true,
    doc: "with --symlinks follow: links may lead into this directory, and whoever has a key of the disk reads, with the daemon's rights, what they lead to; may be repeated, and replaces what was named before",
  },
  'symlink-depth': {
    key: 'symlinkDepth',
    kind: 'number',
    most: 40,
    value: 'N',
    doc: 'directory links that one key may pass, 0 to 40 (4)',
  },
  region: { key: 'region', kind: 'text', value: 'NAME', doc: 'what GetBucketLocation says (local)' },
  'strict-region': {
    key: 'strictRegion',
    kind: 'yes or no',
    value: 'YES|NO',
    completes: ['yes', 'no'],
    doc: 'refuse signatures for another region (no)',
  },
  'empty-directories': {
    key: 'emptyDirectories',
    kind: 'text',
    value: 'HOW',
    completes: ['list', 'hide'],
    doc: 'list them as keys that end in a slash, or hide them (list)',
  },
  s3: {
    key: 's3',
    kind: 'text',
    value: 'ACCESS',
    completes: ['ro', 'rw'],
    doc: 'what S3 may do: ro (the default) or rw, for when writing over S3 comes: no operation writes yet',
  },
  'cross-devices': {
    key: 'crossDevices',
    kind: 'yes or no',
    value: 'YES|NO',
    completes: ['yes', 'no'],
    doc: 'show what is mounted inside of the root too (no)',
  },
}

export const diskFlags: Flags = {
  ...settingFlags,
  tag: { doc: 'a tag, as team=blue; may be repeated', value: 'NAME=VALUE', many: true },
}

/** The settings that were given; undefined where none was. Throws Usage. */
export function settingsOf(call: Call): Settings | undefined {
  const given: Record<string, string | number | boolean | string[]> = {}
  for (const [flag, { key, kind, completes, most = 0 }] of Object.entries(settingFlags)) {
    if (kind === 'directories') {
      const paths = call.texts(flag)
      if (paths.length > 0) given[key] = paths.map((path) => call.path(path))
      continue
    }
    const text = call.text(flag)
    if (text === undefined) continue
    if (Array.isArray(completes) && !completes.includes(text))
      throw new Fault('Usage', `--${flag} takes ${completes.join(' or ')}, not "${text}"`)
    if (kind === 'number' && (!/^\d{1,9}$/.test(text) || Number(text) > most))
      throw new Fault('Usage', `--${flag} takes a whole number of 0 to ${most}, not "${text}"`)
    given[key] = kind === 'text' ? text : kind === 'number' ? Number(text) : text === 'yes'
  }
  // The table above writes no other keys and types than the schema's, which checks them once more.
  return Object.keys(given).length === 0 ? undefined : (given as unknown as Settings)
}

/** The tags that were given; undefined where none was. Throws Usage. */
export function tagsOf(call: Call): Record<string, string> | undefined {
  const given = call.texts('tag').map((tag) => {
    const at = tag.indexOf('=')
    if (at < 1) throw new Fault('Usage', `--tag takes NAME=VALUE, not "${tag}"`)
    return [tag.slice(0, at), tag.slice(at + 1)] as const
  })
  return given.length === 0 ? undefined : Object.fromEntries(given)
}
