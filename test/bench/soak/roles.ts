/** The eight processes of the soak. Those of users 4001 and 4002 work as these. */
import { appends } from './appends.ts'
import { files } from './files.ts'
import { fio } from './fio.ts'
import { git } from './git.ts'
import { records } from './records.ts'
import type { Role } from './role.ts'
import { sqlite } from './sqlite.ts'
import { trees } from './trees.ts'

export const roles: readonly Role[] = [
  files('files-root', 0),
  files('files-user', 4001),
  records(4002),
  appends(4001),
  sqlite(4002),
  git(4001),
  trees(0),
  fio(4002),
]
