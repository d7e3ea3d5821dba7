/**
 * What somebody who has taken a worker over tries against the process that watches over it: the primary, which root
 * runs, and which all others hang from.
 */
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { Client } from '../../daemon/cli/client.ts'
import { startDaemon } from '../fixtures/daemon.ts'
import type { Deed } from '../fixtures/forbidden-deeds.ts'
import { send, sign } from '../fixtures/s3.ts'

const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'twofold-worker-')))
t.teardown(() => rmSync(scratch, { recursive: true, force: true }))
chmodSync(scratch, 0o711)
mkdirSync(join(scratch, 'data'))
mkdirSync(join(scratch, 'voices'))
writeFileSync(join(scratch, 'data/hello.txt'), 'hello')

const daemon = await startDaemon(join(scratch, 'data'), {
  state: join(scratch, 'state'),
  args: ['--listen', '127.0.0.1:0', '--no-mount', '--workers', '1'],
  env: {
    NODE_OPTIONS: `--import ${fileURLToPath(new URL('../fixtures/taken-over-worker.js', import.meta.url))}`,
    NODE_TAKEN_OVER: join(scratch, 'voices'),
  },
})
t.teardown(() => daemon.stop())
const control = new Client(join(daemon.state, 'control.sock'))

async function workerPid(): Promise<number> {
  for (;;) {
    const { processes } = await control.ask('status')
    const worker = processes.find(({ role, state }) => role === 'worker' && state === 'ready')
    if (worker?.pid != null) return worker.pid
    await pause(20)
  }
}

/** Has the worker do it: who that was, and what came of it. */
async function does(t: Test, deed: Deed): Promise<{ readonly pid: number; readonly what: string }> {
  const pid = await workerPid()
  const socket = connect(join(scratch, 'voices', String(pid)))
  await once(socket, 'connect')
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  const attempted = new Promise<string>((resolve) => {
    createInterface({ input: socket }).on('line', (line) => {
      const { type, what } = JSON.parse(line) as { type: string; what: string }
      if (type === 'attempted') resolve(what)
    })
    socket.once('close', () => resolve('ended'))
  })
  socket.write(`${JSON.stringify({ type: 'attempt', deed })}\n`)
  return { pid, what: await attempted }
}

const get = async () => {
  const { status, body } = await send(
    daemon.endpoint,
    sign(daemon, { key: 'hello.txt' }),
    new Agent({ keepAlive: false }),
  )
  return [status, body.toString()]
}
const residentOf = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024

const utter = (text: string, times = 1): Deed => ({ name: 'utter', text, times })
const messages: readonly (readonly [what: string, deed: Deed, ends: boolean])[] = [
  ['what is no JSON', utter('garbage\n'), true],
  ['bytes that are no text', utter('\u0000\ufffe"\n'), true],
  ['JSON of a million brackets', utter(`${'['.repeat(1_000_000)}\n`), true],
  ['a message that never ends', utter('x'.repeat(1 << 20), 64), true],
  ['what is JSON and no message', utter('null\n7\n"x"\n[]\n{}\n{"type":null}\n'), false],
  ['a message to Node itself', utter('{"cmd":"NODE_HANDLE","type":"net.Server","msg":{}}\n'), false],
  ['an acknowledgement of Node’s', utter('{"cmd":"NODE_HANDLE_ACK"}\n{"cmd":"NODE_HANDLE_NACK"}\n'), false],
  ['names that every object has', utter('{"type":"__proto__"}\n{"type":"constructor","id":"x"}\n'), false],
  ['that it retired', utter('{"type":"retired"}\n{"type":"applied","version":9007199254740991}\n'), false],
]

t.test('who takes a worker over and says to the primary', async (t) => {
  const before = residentOf(daemon.pid)
  for (const [what, deed, ends] of messages)
    await t.test(what, async (t) => {
      const { pid } = await does(t, deed)
      if (ends) while ((await workerPid()) === pid) await pause(20)
      t.same(await get(), [200, 'hello'], 'it is served on')
      t.equal((await workerPid()) === pid, !ends, ends ? 'by another worker' : 'by the same worker')
    })
  t.ok(residentOf(daemon.pid) < before + 150e6, 'nothing of it is kept')
})

t.test('who takes a worker over, asks and never listens, is not answered without bound', async (t) => {
  const before = residentOf(daemon.pid)
  const disk = daemon.disk
  const question = `${JSON.stringify({ type: 'reach', id: 'x'.repeat(64), diskId: disk })}\n`
  // It reads nothing while it writes.
  const { what } = await does(t, utter(question.repeat(1_000), 1_000))
  t.equal(what, 'EAGAIN', 'it is not heard any more')
  t.ok(residentOf(daemon.pid) < before + 100e6)
  t.same(await get(), [200, 'hello'])
})

t.test('who takes a worker over has no terminal to type into', async (t) => {
  // proc_pid_stat(5): behind the name are state, parent, group, session and terminal.
  const [, , , session, terminal] = readFileSync(`/proc/${await workerPid()}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  t.equal(Number(session), await workerPid())
  t.equal(terminal, '0')
})
