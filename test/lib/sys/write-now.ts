/** Writing to what nobody reads. */
import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { errno } from '../../../lib/sys/errno.ts'
import { socketPair } from '../../../lib/sys/descriptor-passing.ts'
import { close } from '../../../lib/sys/open.ts'
import { writerTo } from '../../../lib/sys/write-now.ts'

const scratch = mkdtempSync(join(tmpdir(), 'twofold-write-now-'))
t.teardown(() => rmSync(scratch, { recursive: true, force: true }))

/** Writes until no more is taken: the bytes that were, and the answer that ended it. */
function fill(fd: number): [number, number] {
  const write = writerTo(fd)
  const line = Buffer.alloc(10_000, 'x')
  for (let taken = 0; ;) {
    const written = write(line)
    if (written <= 0 || taken > 1 << 30) return [taken, written]
    taken += written
  }
}

t.test('a FIFO and a socket that nobody reads take what they have room for, and no more', async (t) => {
  execFileSync('mkfifo', [join(scratch, 'fifo')])
  const fifo = openSync(join(scratch, 'fifo'), 'r+')
  t.teardown(() => closeSync(fifo))
  const pair = socketPair()
  if (typeof pair === 'number') return t.fail('no sockets')
  t.teardown(() => pair.forEach((fd) => close(fd)))
  for (const [what, fd] of Object.entries({ fifo, socket: pair[0] })) {
    const [taken, last] = fill(fd)
    t.equal(last, -errno.EAGAIN, what)
    t.ok(taken > 4096, what)
  }
})

t.test('a file takes all of it', async (t) => {
  const fd = openSync(join(scratch, 'file'), 'w')
  t.equal(writerTo(fd)(Buffer.from('all of it')), 9)
  closeSync(fd)
  t.equal(readFileSync(join(scratch, 'file'), 'utf8'), 'all of it')
})
