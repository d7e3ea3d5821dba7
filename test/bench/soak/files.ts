/** Files made whole: written beside, fsynced, renamed into place, read back, and now and then removed. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { digest, promise, promises, type Place, type Role, type Verdict } from './role.ts'

function synced(path: string, act: (fd: number) => void, flags: string): void {
  const fd = openSync(path, flags)
  try {
    act(fd)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function round(place: Place, i: number): void {
  const { directory } = place
  const name = `f${i % 500}`
  if (i % 10 === 9) {
    promise(place, `${name} maybe gone`)
    rmSync(join(directory, name), { force: true })
    return
  }
  const bytes = Buffer.alloc(1 + ((i * 7919) % 70_000), `${process.pid}-${i} `)
  // Until the directory is synced, what was there before may be there again.
  const fresh = join(directory, `.fresh-${i % 500}`)
  synced(fresh, (fd) => writeSync(fd, bytes), 'w')
  promise(place, `${name} maybe ${digest(bytes)}`)
  renameSync(fresh, join(directory, name))
  synced(directory, () => undefined, 'r')
  promise(place, `${name} ${digest(bytes)}`)
  if (!readFileSync(join(directory, name)).equals(bytes)) throw new Error(`${name} reads otherwise`)
}

function check(place: Place): Verdict {
  const allowed = new Map<string, Set<string>>()
  for (const [file = '', word = '', state] of promises(place)) {
    if (state === undefined) allowed.set(file, new Set([word]))
    else allowed.set(file, (allowed.get(file) ?? new Set(['gone'])).add(state))
  }
  const lost: string[] = []
  for (const [file, states] of allowed) {
    const path = join(place.directory, file)
    const is = existsSync(path) ? digest(readFileSync(path)) : 'gone'
    if (!states.has(is)) lost.push(`${path}: ${is}, not one of ${[...states].join(', ')}`)
  }
  return { checked: allowed.size, lost }
}

/** A removal that the mount's death hid has happened or has not: both are allowed, and the file is made again. */
export const files = (name: string, user: number): Role => ({ name, user, needs: [], round, check })
