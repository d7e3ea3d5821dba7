/** Every command, in the order that help lists them. */
import type { Command } from './command.ts'
import { completion } from './commands/completion.ts'
import { diskAdopt } from './commands/disk-adopt.ts'
import { diskCreate } from './commands/disk-create.ts'
import { diskList } from './commands/disk-list.ts'
import { diskOffline } from './commands/disk-offline.ts'
import { diskOnline } from './commands/disk-online.ts'
import { diskRemove } from './commands/disk-remove.ts'
import { diskSet } from './commands/disk-set.ts'
import { diskShow } from './commands/disk-show.ts'
import { doctor } from './commands/doctor.ts'
import { keyList } from './commands/key-list.ts'
import { keyRetire } from './commands/key-retire.ts'
import { keyRotate } from './commands/key-rotate.ts'
import { metrics } from './commands/metrics.ts'
import { mount } from './commands/mount.ts'
import { share } from './commands/share.ts'
import { status } from './commands/status.ts'
import { serve } from './commands/serve.ts'
import { up } from './commands/up.ts'
import { umount } from './commands/umount.ts'
import { userAdd } from './commands/user-add.ts'
import { userList } from './commands/user-list.ts'
import { userRevoke } from './commands/user-revoke.ts'
import { userRotate } from './commands/user-rotate.ts'

export const commands: readonly Command[] = [
  up,
  serve,
  diskAdopt,
  diskCreate,
  diskList,
  diskShow,
  diskSet,
  diskOffline,
  diskOnline,
  diskRemove,
  mount,
  umount,
  userAdd,
  userList,
  userRotate,
  userRevoke,
  share,
  status,
  metrics,
  doctor,
  keyList,
  keyRotate,
  keyRetire,
  completion,
]
