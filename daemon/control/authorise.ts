/** The one place that decides whether a caller may ask what they ask of the control API. */
import type { Disks } from '../../lib/disks.ts'
import { Fault } from '../../lib/errors.ts'
import { mayAs, sees, type Caller, type Permission } from './caller.ts'
import type { Params } from './handler.ts'
import type { Row } from './routes.ts'

type Wanted<Input> = Pick<Row<Input, unknown>, 'needs' | 'on' | 'admin'>

/**
 * Answers the parameters that the handler goes by. Throws AccessDenied; NoSuchDisk for a disk that the caller
 * doesn't see, as for one that isn't there.
 */
export function authorise<Input>(
  caller: Caller,
  row: Wanted<Input>,
  { input, params }: { readonly input: Input; readonly params: Params },
  disks: Pick<Disks, 'find'>,
): Params {
  need(caller, row.needs, 'This')
  if (row.admin?.when(input) === true) need(caller, 'admin', row.admin.for)
  switch (row.on) {
    case 'disk':
      return { ...params, id: seen(caller, params['id'] ?? '', disks) }
    case 'disks':
      return params
    case 'daemon':
      if (caller.disks === 'all') return params
      throw new Fault('AccessDenied', 'This is about the whole daemon, and you see some of its disks alone.')
  }
}

function need(caller: Caller, needed: Permission, what: string): void {
  if (mayAs(caller, needed)) return
  throw new Fault(
    'AccessDenied',
    `${what} needs the permission "${needed}", and yours is "${caller.permission}".`,
  )
}

/** The disk's id: its alias may be another disk's by the time that the handler has its turn. */
function seen(caller: Caller, name: string, disks: Pick<Disks, 'find'>): string {
  const { id } = disks.find(name)
  if (!sees(caller, id)) throw new Fault('NoSuchDisk', `There is no disk "${name}".`)
  return id
}
