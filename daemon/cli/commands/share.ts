import { Fault } from '../../../lib/errors.ts'
import type { DiskView } from '../../control/schema.ts'
import type { Command } from '../command.ts'

export const share: Command = {
  name: 'share',
  summary: 'Print a link that opens one file in any browser',
  details: `The link needs no credentials and works until it expires. It opens that one file and nothing else, and dies
with its disk.`,
  arguments: [
    { name: 'DISK', doc: 'its id or alias', completes: 'disk' },
    {
      name: 'PATH',
      doc: "the file: its path in the disk, or in the disk's root or mount",
      completes: 'file',
    },
  ],
  flags: {
    expires: {
      doc: 'how long the link works: 3600, 28800, 86400 (the default), 604800, or any other up to that',
      value: 'SECONDS',
      completes: ['3600', '28800', '86400', '604800'],
    },
  },
  examples: ["twofold share photos 'summer/beach.jpg'", 'twofold share photos report.pdf --expires 3600'],
  run: async (call) => {
    const expires = call.text('expires') ?? '86400'
    if (!/^\d{1,6}$/.test(expires) || Number(expires) < 1 || Number(expires) > 604_800)
      throw new Fault('Usage', `--expires takes 1 to 604800 seconds, not "${expires}"`)
    const disk = await call.client.ask('showDisk', { id: call.argument('DISK') })
    const shared = await call.client.ask(
      'share',
      { id: disk.id },
      { key: keyOf(disk, call.argument('PATH')), expiresIn: Number(expires) },
    )
    call.output.result(shared, () => shared.url)
  },
}

/** People paste paths as their shell completes them. */
function keyOf(disk: DiskView, path: string): string {
  for (const top of [disk.mount?.mountpoint, disk.root])
    if (top !== undefined && path.startsWith(`${top}/`)) return path.slice(top.length + 1)
  return path.replace(/^(?:\.?\/)+/, '')
}
