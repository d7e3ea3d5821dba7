/** Operations on open directories. */
import type { Exchange } from '../exchange.ts'
import type { Handler } from '../operations.ts'
import { handle } from '../protocol/codec.ts'
import { openIn, openOut, readdirIn, releaseIn } from '../protocol/structs.ts'

export function opendir(x: Exchange): number {
  x.request.take(openIn)
  const result = x.filesystem.opendir(x.request.node, x.request.caller, x.opened)
  if (result < 0) return result
  return x.reply.put(openOut, { fh: x.opened.handle, open_flags: 0, backing_id: 0 })
}

function listing(withNodes: boolean): Handler {
  return (x) => {
    const a = x.request.take(readdirIn)
    x.packer.begin(a.size, withNodes)
    const result = x.filesystem.readdir(handle(a.fh), a.offset, withNodes, x.packer)
    return result < 0 && x.packer.length === 0 ? result : x.packer.length
  }
}

export const readdir = listing(false)
export const readdirplus = listing(true)

export function releasedir(x: Exchange): number {
  x.filesystem.releasedir(handle(x.request.take(releaseIn).fh))
  return 0
}
