import { Fault } from '../../../lib/errors.ts'
import { diskText } from '../describe.ts'
import { diskFlags, settingsOf, tagsOf } from '../disk-flags.ts'
import type { Command } from '../command.ts'

export const diskSet: Command = {
  name: 'disk set',
  summary: 'Change a disk',
  details: 'What is not named stays as it is. The next request of either door sees the change.',
  arguments: [{ name: 'DISK', doc: 'its id or alias', completes: 'disk' }],
  flags: {
    alias: { doc: "the bucket's new name; the id goes on opening it", value: 'NAME' },
    'no-alias': { doc: 'take the alias away' },
    root: {
      doc: 'bind an adopted disk to this directory anew, as when it is offline for good reason',
      value: 'DIR',
      completes: 'directory',
    },
    ...diskFlags,
    untag: { doc: 'take a tag away; may be repeated', value: 'NAME', many: true },
  },
  examples: [
    'twofold disk set photos --alias pictures',
    'twofold disk set photos --empty-directories hide --tag owner=ada',
    'twofold disk set photos --root /mnt/new/photos',
  ],
  run: async (call) => {
    const id = call.argument('DISK')
    const [settings, tags, root, alias] = [
      settingsOf(call),
      tagsOf(call),
      call.text('root'),
      call.text('alias'),
    ]
    const untag = call.texts('untag')
    const noAlias = call.on('no-alias')
    if (!settings && !tags && root === undefined && alias === undefined && untag.length === 0 && !noAlias)
      throw new Fault('Usage', 'nothing to change was named: twofold disk set --help lists what can be')
    if (noAlias && alias !== undefined) throw new Fault('Usage', '--alias and --no-alias exclude each other')
    const both = untag.find((name) => tags !== undefined && Object.hasOwn(tags, name))
    if (both !== undefined)
      throw new Fault('Usage', `--tag ${both}=... and --untag ${both} exclude each other`)
    const changesTags = tags !== undefined || untag.length > 0
    const before = changesTags ? (await call.client.ask('showDisk', { id })).tags : {}
    const kept = Object.entries({ ...before, ...tags }).filter(([name]) => !untag.includes(name))
    const disk = await call.client.ask(
      'changeDisk',
      { id },
      {
        settings,
        name: noAlias ? null : alias,
        root: root === undefined ? undefined : call.path(root),
        tags: changesTags ? Object.fromEntries(kept) : undefined,
      },
    )
    call.output.result(disk, () => diskText(disk))
  },
}
