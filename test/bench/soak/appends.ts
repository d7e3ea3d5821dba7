/** A log that grows by O_APPEND: what was promised is there, in order, and nothing is there that nobody wrote. */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { digest, promise, promises, type Place, type Role, type Verdict } from './role.ts'

let fd = -1

const line = (number: number): string =>
  `${number} ${digest(String(number))} ${'x'.repeat((number * 37) % 400)}\n`

function round(place: Place, i: number): void {
  if (fd < 0) fd = openSync(join(place.directory, 'log'), 'a')
  for (let n = 0; n < 10; n++) writeSync(fd, line(i * 10 + n))
  fsyncSync(fd)
  promise(place, String(i))
}

function mend(): void {
  if (fd < 0) return
  const old = fd
  fd = -1
  try {
    closeSync(old)
  } catch {
    // Its mount is gone.
  }
}

function check(place: Place): Verdict {
  const promised = promises(place)
  const lost: string[] = []
  if (promised.length === 0) return { checked: 0, lost }
  const there = new Set<number>()
  let before = -1
  for (const text of readFileSync(join(place.directory, 'log'), 'latin1').split('\n').slice(0, -1)) {
    const number = Number(text.split(' ')[0])
    if (`${text}\n` !== line(number)) lost.push(`a line that nobody wrote: ${text.slice(0, 60)}`)
    if (number <= before) lost.push(`line ${number} stands behind ${before}`)
    before = number
    there.add(number)
  }
  for (const [round] of promised) {
    for (let n = 0; n < 10; n++) {
      if (!there.has(Number(round) * 10 + n)) lost.push(`line ${Number(round) * 10 + n} is missing`)
    }
  }
  return { checked: promised.length, lost }
}

export const appends = (user: number): Role => ({ name: 'appends', user, needs: [], round, mend, check })
