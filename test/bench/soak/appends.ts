/** A log that grows by O_APPEND: what was promised is there, in order, and nothing is there that nobody wrote. */
import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { digest, letGo, promise, promises, type Place, type Role, type Verdict } from './role.ts'

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
  letGo(fd)
  fd = -1
}

/** Each line of a file that may be larger than memory. */
function* linesOf(path: string): Generator<string> {
  const log = openSync(path, 'r')
  const piece = Buffer.alloc(1 << 20)
  let rest = ''
  for (let length = 0; (length = readSync(log, piece)) > 0;) {
    const lines = (rest + piece.toString('latin1', 0, length)).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  closeSync(log)
}

function check(place: Place): Verdict {
  const promised = promises(place)
  const lost: string[] = []
  if (promised.length === 0) return { checked: 0, lost }
  const last = Number(promised.at(-1)?.[0])
  const there = new Uint8Array((last + 2) * 10)
  let before = -1
  for (const text of linesOf(join(place.directory, 'log'))) {
    const number = Number(text.split(' ')[0])
    if (`${text}\n` !== line(number)) lost.push(`a line that nobody wrote: ${text.slice(0, 60)}`)
    if (number <= before) lost.push(`line ${number} stands behind ${before}`)
    before = number
    there[number] = 1
  }
  for (const [round] of promised) {
    for (let n = Number(round) * 10; n < Number(round) * 10 + 10; n++) {
      if (there[n] !== 1) lost.push(`line ${n} is missing`)
    }
  }
  return { checked: promised.length, lost }
}

export const appends = (user: number): Role => ({ name: 'appends', user, needs: [], round, mend, check })
