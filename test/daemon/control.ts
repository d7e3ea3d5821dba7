/** The control process itself, of which the test is the primary: what it answers to workers' questions. */
import { fork } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { Client } from '../../daemon/cli/client.ts'
import type { Answer, FromControl, ToControl } from '../../daemon/processes/messages.ts'
import { currentPlace, resolveConfig } from '../../lib/config.ts'

const state = realpathSync(mkdtempSync(join(tmpdir(), 'twofold-control-')))
const socket = join(state, 'control.sock')
const child = fork(fileURLToPath(new URL('../../daemon/control.js', import.meta.url)), {
  stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
})
const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
const say = (message: ToControl) => child.send(message)
t.teardown(async () => {
  child.kill('SIGKILL')
  await ended
  rmSync(state, { recursive: true, force: true })
})

/** What every worker serves by, as far as they were told. */
let published: Extract<FromControl, { type: 'publish' }> | undefined
/** While it is false the workers take their time. */
let workersApply = true
const applied = () => {
  if (published !== undefined) say({ type: 'published', version: published.doors.version })
}
const waiting = new Map<string, (answer: Answer) => void>()
const ready = new Promise<void>((resolve) => {
  child.on('message', (message: FromControl) => {
    if (message.type === 'ready') resolve()
    if (message.type === 'answer') waiting.get(`${message.to} ${message.id}`)?.(message.answer)
    if (message.type !== 'publish') return
    published = message
    if (workersApply) applied()
  })
})

const config = {
  ...resolveConfig({}, {}, {}, currentPlace()),
  state,
  controlSocket: socket,
  mounts: join(state, 'mounts'),
  logLevel: 'error' as const,
}
say({ type: 'start', config, listen: { host: '127.0.0.1', port: 1 }, startedAt: Date.now() })
await ready
const control = new Client(socket)

let last = 0
/** Asks as a worker does; `question` as it comes over the wire. */
function ask(name: string, question: string, from = 'worker-0'): Promise<Answer> {
  const id = `question ${++last}`
  return new Promise((resolve) => {
    waiting.set(`${from} ${id}`, resolve)
    say({ type: 'ask', from, id, name, question })
  })
}
const replaceTags = (question: unknown) => ask('replaceTags', JSON.stringify(question))

const { diskId } = await control.ask('createDisk', {}, { name: 'data', settings: { s3: 'rw' } })
const tagsOf = async (id: string) => (await control.ask('showDisk', { id })).tags

t.test('tags that a worker asks for are the disk’s, and every other setting stays', async (t) => {
  const before = await control.ask('showDisk', { id: diskId })
  t.same(await replaceTags({ diskId, tags: { project: 'apollo', état: 'é' } }), { value: null })
  const after = await control.ask('showDisk', { id: diskId })
  t.same(after, { ...before, tags: { project: 'apollo', état: 'é' } })
  t.same(await replaceTags({ diskId, tags: {} }), { value: null })
  t.same(await tagsOf(diskId), {})
})

t.test('the answer comes when every worker serves by it, and not before', async (t) => {
  workersApply = false
  let answered = false
  const answer = replaceTags({ diskId, tags: { a: '1' } }).then((said) => {
    answered = true
    return said
  })
  // A question that needs no worker overtakes it.
  t.match(await ask('replaceTags', 'nonsense'), { fault: {} })
  while (published?.doors.roster.disks[0]?.tags['a'] !== '1') await new Promise((done) => setImmediate(done))
  t.equal(answered, false)
  workersApply = true
  applied()
  t.same(await answer, { value: null })
})

t.test('answers go to who asked, however many ask', async (t) => {
  const asked = Array.from({ length: 40 }, (_, i) =>
    ask('replaceTags', JSON.stringify({ diskId, tags: { i: String(i) } }), `worker-${i % 2}`),
  )
  for (const answer of await Promise.all(asked)) t.same(answer, { value: null })
  t.same(await tagsOf(diskId), { i: '39' }, 'one after the other, the last one last')
})

t.test('a worker that says what none of ours would is refused, and changes nothing', async (t) => {
  const readOnly = await control.ask('createDisk', {}, { name: 'read-only' })
  const before = await tagsOf(diskId)
  const cases: readonly [string, string, string][] = [
    ['replaceTags', JSON.stringify({ diskId: readOnly.diskId, tags: {} }), 'AccessDenied'],
    ['replaceTags', JSON.stringify({ diskId: 'dsk-0123456789abcdef', tags: {} }), 'NoSuchDisk'],
    ['replaceTags', JSON.stringify({ diskId: 'data', tags: {} }), 'InvalidArgument'],
    ['replaceTags', JSON.stringify({ diskId, tags: {}, root: '/' }), 'InvalidArgument'],
    ['replaceTags', JSON.stringify({ diskId, tags: { a: 1 } }), 'InvalidArgument'],
    ['replaceTags', JSON.stringify({ diskId, tags: { '': '' } }), 'InvalidArgument'],
    ['replaceTags', JSON.stringify({ diskId }), 'InvalidArgument'],
    ['replaceTags', 'null', 'InvalidArgument'],
    ['replaceTags', '{"diskId":', 'InvalidRequest'],
    ['removeDisk', JSON.stringify({ diskId }), 'InvalidRequest'],
    ['constructor', '{}', 'InvalidRequest'],
    ['__proto__', '{}', 'InvalidRequest'],
  ]
  for (const [name, question, code] of cases)
    t.match(await ask(name, question), { fault: { code } }, `${name} ${question}`)
  t.same(await tagsOf(diskId), before)
})

t.test('told to stop, it ends', async (t) => {
  say({ type: 'stop', drain: 100 })
  t.equal(await ended, 0)
})
