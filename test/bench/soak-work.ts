/**
 * One of the soak's processes: `soak-work.js DIRECTORY LEDGER SECONDS`. Makes, rewrites, renames and removes files
 * in DIRECTORY, and writes into LEDGER, which lies elsewhere, what fsync has promised. A mount that is away is
 * waited for.
 */
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { join } from 'node:path'

const [directory = '', ledger = '', seconds = '60'] = process.argv.slice(2)
const deadline = Date.now() + Number(seconds) * 1000
const away = new Set(['ENOTCONN', 'ECONNABORTED', 'EIO', 'ENODEV', 'ENOENT', 'ESTALE'])

function promised(name: string, bytes: Buffer): void {
  appendFileSync(ledger, `${name} ${createHash('md5').update(bytes).digest('hex')}\n`)
}
function synced(path: string, act: (fd: number) => void, flags: string): void {
  const fd = openSync(path, flags)
  try {
    act(fd)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

let done = 0
for (let i = 0; Date.now() < deadline; i++) {
  const name = `f${i % 500}`
  const bytes = Buffer.alloc(1 + ((i * 7919) % 70_000), `${process.pid}-${i} `)
  try {
    mkdirSync(directory, { recursive: true })
    if (i % 10 === 9) {
      appendFileSync(ledger, `${name} gone\n`)
      unlinkSync(join(directory, name))
    } else {
      // Promised before it is renamed into place: either this one or the one before is right until then.
      const fresh = join(directory, `.fresh-${i}`)
      synced(fresh, (fd) => writeSync(fd, bytes), 'w')
      appendFileSync(ledger, `${name} maybe ${createHash('md5').update(bytes).digest('hex')}\n`)
      renameSync(fresh, join(directory, name))
      synced(directory, () => undefined, 'r')
      promised(name, bytes)
      if (!readFileSync(join(directory, name)).equals(bytes)) throw new Error(`${name} reads otherwise`)
    }
    done++
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (!away.has(code)) throw error
    await pause(50)
  }
}
process.stdout.write(`${done}\n`)
