/** A file of records that are overwritten where they lie, through one descriptor that stays open. */
import { constants, fdatasyncSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { digest, letGo, promise, promises, type Place, type Role, type Verdict } from './role.ts'

const count = 512
const size = 3000
let fd = -1

/** Its version, a checksum, and bytes that follow from both. */
function record(index: number, version: number): Buffer {
  const body = digest(`${index} ${version}`)
  return Buffer.alloc(size, `${index} ${version} ${body} `)
}

const versionOf = (bytes: Buffer): number => Number(/^\d+ (\d+) /.exec(bytes.toString('latin1', 0, 64))?.[1])

function open({ directory }: Place): number {
  return openSync(join(directory, 'records'), constants.O_RDWR | constants.O_CREAT, 0o644)
}

function round(place: Place, i: number): void {
  if (fd < 0) fd = open(place)
  const written: string[] = []
  for (let n = 0; n < 8; n++) {
    const index = (i * 31 + n * 67) % count
    const bytes = record(index, i)
    writeSync(fd, bytes, 0, size, index * size)
    written.push(`${index} ${i}`)
  }
  fdatasyncSync(fd)
  for (const line of written) promise(place, line)
  const [index = 0] = (written[0] ?? '').split(' ').map(Number)
  const back = Buffer.alloc(size)
  readSync(fd, back, 0, size, index * size)
  if (!back.equals(record(index, i))) throw new Error(`record ${index} reads otherwise`)
}

function mend(): void {
  if (fd < 0) return
  letGo(fd)
  fd = -1
}

function check(place: Place): Verdict {
  const promised = new Map<number, number>()
  for (const [index, version] of promises(place)) promised.set(Number(index), Number(version))
  const lost: string[] = []
  const bytes = promised.size === 0 ? Buffer.alloc(0) : readFileSync(join(place.directory, 'records'))
  for (const [index, version] of promised) {
    const is = bytes.subarray(index * size, (index + 1) * size)
    const found = versionOf(is)
    if (!(found >= version)) lost.push(`record ${index} is version ${found}, ${version} was promised`)
    else if (!is.equals(record(index, found))) lost.push(`record ${index}, version ${found}, is torn`)
  }
  return { checked: promised.size, lost }
}

export const records = (user: number): Role => ({ name: 'records', user, needs: [], round, mend, check })
