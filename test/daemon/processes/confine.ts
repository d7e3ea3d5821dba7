/** A confined child tries what it may not. The whole daemon's processes are tried in test/integration/confinement.ts. */
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, openSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Child } from '../../../daemon/processes/child.ts'
import type { Confinement } from '../../../daemon/processes/confinement.ts'
import { loadConfig } from '../../../lib/config.ts'
import { createLog } from '../../../lib/log.ts'
import { landlockAbi } from '../../../lib/sys/landlock.ts'
import { identify } from '../../../lib/tree/root.ts'
import type { FromDoer, ToDoer } from '../../fixtures/doer.ts'
import type { Deed } from '../../fixtures/forbidden-deeds.ts'

const isRoot = process.getuid?.() === 0
const abi = landlockAbi()
const skip = abi >= 6 ? false : 'needs Landlock of ABI 6'
const rootOnly = isRoot ? skip : 'needs root'

const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'twofold-confine-')))
t.teardown(() => rmSync(scratch, { recursive: true, force: true }))
mkdirSync(join(scratch, 'closed/root/deep'), { recursive: true })
mkdirSync(join(scratch, 'closed/other'))
writeFileSync(join(scratch, 'closed/root/deep/file'), 'here', { mode: 0o600 })
writeFileSync(join(scratch, 'closed/other/file'), 'there')
const inside = join(scratch, 'closed/root')
const lock = openSync('/dev/null', 'r')

/** A child under this confinement, and what it is told. */
async function start(t: Test, confinement: Confinement) {
  const heard: string[] = []
  let wake = () => {}
  const child: Child<FromDoer, ToDoer> = new Child<FromDoer, ToDoer>({
    role: 'worker',
    name: 'worker-0',
    module: '../test/fixtures/doer.js',
    lockFd: lock,
    confinement: () => confinement,
    log: createLog({ level: 'error', format: 'text' }),
    started: () => child.say({ type: 'start', config: loadConfig({}) }),
    hear: { did: ({ what }) => (heard.push(what), wake()) },
    crashed: (how) => (heard.push(`crashed: ${how}`), wake(), false),
    changed: () => {},
  })
  child.start()
  t.teardown(() => child.stop({ type: 'stop', drain: 0 }, 1000))
  const next = async () => {
    while (heard.length === 0) await new Promise<void>((resolve) => (wake = resolve))
    return heard.shift()
  }
  t.equal(await next(), 'started')
  const pid = child.view.pid ?? 0
  const status = (name: string) =>
    new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return {
    pid,
    status,
    do: (deed: Deed) => {
      child.say({ type: 'do', deed })
      return next()
    },
  }
}

const reads = [{ path: inside, identity: null }]
const nobody = { uid: 4001, gid: 4002 }

t.test('root becomes another user with one capability', { skip: rootOnly }, async (t) => {
  const child = await start(t, { user: nobody, keeps: ['DAC_READ_SEARCH'], reads, connects: false })
  t.equal(child.status('Uid'), '4001\t4001\t4001\t4001')
  t.equal(child.status('Gid'), '4002\t4002\t4002\t4002')
  t.equal(child.status('Groups'), '')
  for (const set of ['CapEff', 'CapPrm', 'CapAmb', 'CapInh', 'CapBnd'])
    t.equal(child.status(set), '0000000000000004', set)
  t.equal(child.status('NoNewPrivs'), '1')
  t.equal(await child.do({ name: 'read', path: join(inside, 'deep/file') }), 'done', 'of mode 0600 and root')
  t.equal(await child.do({ name: 'setuid' }), 'EPERM')
})

t.test('user 0 can be left without the rights of root', { skip: rootOnly }, async (t) => {
  const child = await start(t, { user: { uid: 0, gid: 0 }, keeps: [], reads, connects: false })
  t.equal(child.status('Uid'), '0\t0\t0\t0')
  for (const set of ['CapEff', 'CapPrm', 'CapAmb', 'CapInh', 'CapBnd'])
    t.equal(child.status(set), '0000000000000000', set)
  t.equal(await child.do({ name: 'mount', path: inside }), 'EPERM')
})

t.test('whoever we are, it reaches what it may read and nothing else', { skip }, async (t) => {
  const keeps = ['DAC_READ_SEARCH'] as const
  const child = await start(t, { user: isRoot ? nobody : null, keeps, reads, connects: false })
  t.equal(child.status('NoNewPrivs'), '1')
  t.equal(await child.do({ name: 'read', path: join(inside, 'deep/file') }), 'done')
  t.equal(await child.do({ name: 'list', path: join(inside, 'deep') }), 'done')
  const refused: readonly Deed[] = [
    { name: 'read', path: join(scratch, 'closed/other/file') },
    { name: 'read', path: join(inside, '../other/file') },
    { name: 'read', path: '/etc/passwd' },
    { name: 'read', path: '/etc/shadow' },
    { name: 'list', path: scratch },
    { name: 'list', path: '/' },
    { name: 'write', path: join(inside, 'deep/file') },
    { name: 'create', path: join(inside, 'deep/new') },
    { name: 'mkdir', path: join(inside, 'deep/new') },
    { name: 'unlink', path: join(inside, 'deep/file') },
    { name: 'truncate', path: join(inside, 'deep/file') },
    { name: 'create', path: '/dev/shm/twofold-test' },
    { name: 'read', path: `/proc/${process.pid}/environ` },
    { name: 'read', path: `/proc/${process.pid}/root/etc/passwd` },
    { name: 'write', path: `/proc/${process.pid}/mem` },
    { name: 'trace', pid: process.pid },
    { name: 'signal', pid: process.pid },
    { name: 'chmod', path: join(inside, 'deep/file') },
    { name: 'utime', path: join(inside, 'deep/file') },
    { name: 'setxattr', path: join(inside, 'deep/file') },
    { name: 'byHandle', path: join(scratch, 'closed/other/file') },
    { name: 'connectTcp', port: 1 },
    { name: 'connectUnix', path: join(scratch, 'none') },
    { name: 'sendUdp', port: 9 },
  ]
  for (const deed of refused)
    t.match(await child.do(deed), /^(?:EACCES|EPERM)$/, `${deed.name} ${deed.path ?? ''}`)
  t.equal(await child.do({ name: 'signal', pid: child.pid }), 'done', 'itself it may')
})

t.test('it connects to nobody', { skip }, async (t) => {
  const child = await start(t, { user: null, keeps: [], reads: [], connects: true })
  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  t.equal(await child.do({ name: 'connectTcp', port }), 'EPERM')
  server.close()
  const abstract = `\0twofold-test-${process.pid}`
  const other = createServer((socket) => socket.destroy()).listen({ path: abstract })
  await once(other, 'listening')
  t.equal(await child.do({ name: 'connectUnix', path: abstract }), 'EPERM')
  other.close()
})

t.test('a directory that is somebody else by now is left out', { skip }, async (t) => {
  const keeps = ['DAC_READ_SEARCH'] as const
  const identity = identify(join(scratch, 'closed/other'))
  const child = await start(t, { user: null, keeps, reads: [{ path: inside, identity }], connects: false })
  t.equal(await child.do({ name: 'list', path: inside }), 'EACCES')
  const right = await start(t, {
    user: null,
    keeps,
    reads: [{ path: inside, identity: identify(inside) }],
    connects: false,
  })
  t.equal(await right.do({ name: 'list', path: inside }), 'done')
})
