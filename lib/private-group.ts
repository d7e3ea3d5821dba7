/**
 * Whether a group is one user's alone, as most systems give each user one: then its members' write permission is
 * the user's own. Read from the two files and never asked of a name service, whose answer may come from elsewhere.
 */
import { readFileSync } from 'node:fs'

/** Members that a service adds without a line in the files are not seen, so a user without one has no such group. */
export function isPrivateGroup(
  uid: number,
  gid: number,
  passwd = linesOf('/etc/passwd'),
  group = linesOf('/etc/group'),
): boolean {
  const users = passwd.map((line) => line.split(':'))
  const names = users.filter(([, , id]) => id === String(uid)).map(([name]) => name)
  const [name] = names
  if (name === undefined || names.length !== 1) return false
  const first = users.filter(([, , , primary]) => primary === String(gid)).map(([user]) => user)
  if (first.length !== 1 || first[0] !== name) return false
  return group
    .map((line) => line.split(':'))
    .filter(([, , id]) => id === String(gid))
    .every(([, , , members = '']) => members.split(',').every((one) => one === '' || one === name))
}

function linesOf(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    return []
  }
}
