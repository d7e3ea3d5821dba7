/** The control API of a real daemon, over its socket: what it refuses, and that it never blames itself for it. */
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Client } from '../../daemon/cli/client.ts'
import { routes } from '../../daemon/control/routes.ts'
import { catalogue } from '../../lib/errors.ts'
import { startDaemon } from '../fixtures/daemon.ts'
import { s3 } from '../fixtures/s3.ts'

const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'twofold-control-')))
const make = (name: string) => {
  mkdirSync(join(scratch, name), { recursive: true })
  return join(scratch, name)
}
writeFileSync(join(make('data'), 'hello.txt'), 'hello')
const daemon = await startDaemon(join(scratch, 'data'), {
  state: join(scratch, 'state'),
  args: ['--no-mount', '--listen', '127.0.0.1:0'],
})
t.teardown(async () => {
  await daemon.stop()
  rmSync(scratch, { recursive: true, force: true })
})
const socket = join(daemon.state, 'control.sock')
const control = new Client(socket)
const id = daemon.disk

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly json: Readonly<Record<string, unknown>>
}

/** Sends anything, well-formed or not. */
function ask(method: string, path: string, body?: string | Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
    const sent = request({ socketPath: socket, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        let json: Answer['json'] = {}
        try {
          json = JSON.parse(text) as Answer['json']
        } catch {
          json = { text }
        }
        resolve({ status: response.statusCode ?? 0, headers: response.headers, json })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

t.test('the socket is its owner’s alone', async (t) => {
  t.equal(statSync(socket).mode & 0o777, 0o600)
  t.equal(statSync(join(daemon.state, 'keyring.json')).mode & 0o777, 0o600)
})

t.test('every route answers in the envelope, with a request id', async (t) => {
  for (const [name, row] of Object.entries(routes)) {
    const answer = await ask(row.method, row.path.replace(':id', 'nothing').replace(':type', 's3'), '{}')
    t.type(answer.json['success'], 'boolean', name)
    t.match(answer.headers['x-request-id'], /^[0-9A-F]{16}$/, name)
    t.ok(answer.status < 500, `${name} ${answer.status}`)
  }
  // One of them has made a disk of nothing but defaults.
  for (const disk of await control.ask('listDisks')) {
    if (disk.id !== id) await control.ask('removeDisk', { id: disk.id })
  }
})

t.test('what a client does wrong is said to be wrong', async (t) => {
  const cases: readonly [string, string, string | Buffer | undefined, string][] = [
    ['GET', '/', undefined, 'NoSuchRoute'],
    ['GET', '/api', undefined, 'NoSuchRoute'],
    ['GET', '/api/disks/', undefined, 'NoSuchRoute'],
    ['GET', '/api/none', undefined, 'NoSuchRoute'],
    ['GET', '/api/disks/%zz', undefined, 'NoSuchDisk'],
    ['GET', '/api/disks/%00', undefined, 'NoSuchDisk'],
    ['GET', '/api/disks/..%2f..%2fetc', undefined, 'NoSuchDisk'],
    ['GET', '/api/disks/__proto__', undefined, 'NoSuchDisk'],
    ['PUT', '/api/disks', '{}', 'MethodNotAllowed'],
    ['DELETE', '/api/disks', undefined, 'MethodNotAllowed'],
    ['TRACE', '/api/disks', undefined, 'MethodNotAllowed'],
    ['GET', '/api/disks?limit=0', undefined, 'InvalidArgument'],
    ['GET', '/api/disks?limit=1&limit=2', undefined, 'InvalidArgument'],
    ['GET', '/api/disks?limit=1e3', undefined, 'InvalidArgument'],
    ['GET', '/api/disks?nosuch=1', undefined, 'InvalidArgument'],
    ['GET', '/api/disks?cursor=dsk-0000000000000000', undefined, 'InvalidArgument'],
    ['POST', '/api/disks', '{', 'BadRequest'],
    ['POST', '/api/disks', Buffer.from([0xff, 0xfe]), 'BadRequest'],
    ['POST', '/api/disks', '[]', 'InvalidArgument'],
    ['POST', '/api/disks', 'null', 'InvalidArgument'],
    ['POST', '/api/disks', '"x"', 'InvalidArgument'],
    ['POST', '/api/disks', '['.repeat(100_000), 'BadRequest'],
    ['POST', '/api/disks', '{"nmae": "x"}', 'InvalidArgument'],
    ['POST', '/api/disks', '{"__proto__": {"root": "/"}}', 'InvalidArgument'],
    ['POST', '/api/disks', '{"name": 5}', 'InvalidArgument'],
    ['POST', '/api/disks', '{"name": "UPPER"}', 'InvalidAlias'],
    ['POST', '/api/disks', '{"name": "dsk-0000000000000000"}', 'InvalidAlias'],
    ['POST', '/api/disks', '{"name": "a..b"}', 'InvalidAlias'],
    ['POST', '/api/disks', '{"root": "relative"}', 'NotADirectory'],
    ['POST', '/api/disks', '{"root": "/none/such"}', 'NotADirectory'],
    ['POST', '/api/disks', '{"root": "/etc/passwd"}', 'NotADirectory'],
    ['POST', '/api/disks', '{"root": "/a\\u0000b"}', 'InvalidArgument'],
    ['POST', '/api/disks', '{"root": "/"}', 'RootConflict'],
    ['POST', '/api/disks', JSON.stringify({ root: daemon.state }), 'RootConflict'],
    ['POST', '/api/disks', JSON.stringify({ root: join(daemon.state, 'level') }), 'RootConflict'],
    ['POST', '/api/disks', JSON.stringify({ root: join(scratch, 'data') }), 'RootConflict'],
    ['POST', '/api/disks', '{"tags": {"a": 5}}', 'InvalidArgument'],
    ['POST', '/api/disks', '{"settings": {"symlinks": "outside"}}', 'InvalidArgument'],
    ['POST', '/api/disks', '{"settings": {"symlinkDepth": 41}}', 'InvalidArgument'],
    ['POST', '/api/disks', `"${'x'.repeat(1024 * 1024)}"`, 'EntityTooLarge'],
    ['PATCH', `/api/disks/${id}`, '{"name": ""}', 'InvalidArgument'],
    ['POST', `/api/disks/${id}/users`, '{}', 'InvalidArgument'],
    ['POST', `/api/disks/${id}/users`, '{"nickname": "up"}', 'UserExists'],
    ['POST', `/api/disks/${id}/users`, '{"nickname": "x", "access": "root"}', 'InvalidArgument'],
    ['POST', `/api/disks/${id}/users`, '{"nickname": "x", "type": "token"}', 'InvalidArgument'],
    ['POST', `/api/disks/${id}/users/s3/rotate`, '{"identifier": "none"}', 'NoSuchUser'],
    ['DELETE', `/api/disks/${id}/users/s3?identifier=none`, undefined, 'NoSuchUser'],
    ['DELETE', `/api/disks/${id}/users/s3`, undefined, 'InvalidArgument'],
    ['DELETE', `/api/disks/${id}/users/awssts?identifier=up`, undefined, 'InvalidArgument'],
    ['POST', `/api/disks/${id}/share`, '{"key": "none.txt"}', 'NoSuchKey'],
    ['POST', `/api/disks/${id}/share`, '{"key": "../state/keyring.json"}', 'NoSuchKey'],
    ['POST', `/api/disks/${id}/share`, '{"key": "hello.txt", "expiresIn": 604801}', 'InvalidArgument'],
    ['POST', `/api/disks/${id}/unmount`, '{}', 'NotMounted'],
    ['POST', `/api/disks/${id}/mount`, '{"mountpoint": "relative"}', 'NotADirectory'],
    ['POST', `/api/disks/${id}/mount`, '{"mountpoint": "/"}', 'RootConflict'],
    [
      'POST',
      `/api/disks/${id}/mount`,
      JSON.stringify({ mountpoint: join(scratch, 'data', 'in') }),
      'RootConflict',
    ],
    ['DELETE', '/api/keys/00000000', undefined, 'NoSuchKeyringKey'],
  ]
  for (const [method, path, body, code] of cases) {
    const answer = await ask(method, path, body)
    const name = `${method} ${path} ${String(body).slice(0, 60)}`
    t.match(answer.json, { success: false, code }, name)
    t.type(answer.json['error'], 'string', name)
    t.equal(answer.status, new Map(Object.entries(catalogue)).get(code)?.status, name)
  }
  t.notOk(existsSync(join(scratch, 'data', 'in')), 'what is refused leaves nothing behind')
  t.same(
    (await control.ask('listDisks')).map((disk) => disk.id),
    [id],
    'nor a disk',
  )
})

t.test('a broken request line or header ends the connection, not the daemon', async (t) => {
  for (const raw of [
    '\0\0\0\r\n\r\n',
    'GET /api/disks HTTP/9.9\r\n\r\n',
    `GET / HTTP/1.1\r\nx: ${'y'.repeat(64 * 1024)}\r\n\r\n`,
  ]) {
    const socketTo = connect(socket)
    await new Promise<void>((resolve) => {
      socketTo.on('error', () => {})
      socketTo.on('close', () => resolve())
      socketTo.on('data', () => {})
      socketTo.end(raw)
    })
  }
  t.equal((await control.ask('status')).disks.length, 1)
})

t.test('disks are made, listed in pages, changed and removed', async (t) => {
  for (let n = 1; n <= 4; n++)
    await control.ask('createDisk', {}, { name: `disk-${n}`, tags: { n: String(n) } })
  const names: string[] = []
  for (let cursor = ''; ;) {
    const { json } = await ask('GET', `/api/disks?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`)
    const page = json['data'] as { name: string }[]
    t.ok(page.length <= 2)
    names.push(...page.map(({ name }) => name))
    if (json['nextCursor'] === null) break
    cursor = String(json['nextCursor'])
  }
  t.same(names, [daemon.bucket, 'disk-1', 'disk-2', 'disk-3', 'disk-4'])

  const changed = await control.ask(
    'changeDisk',
    { id: 'disk-1' },
    { name: 'renamed', settings: { region: 'eu-west-1', symlinks: 'deny' }, tags: {} },
  )
  t.match(changed, {
    name: 'renamed',
    region: 'eu-west-1',
    tags: {},
    settings: { symlinks: 'deny', symlinkDepth: 4 },
  })
  await t.rejects(control.ask('showDisk', { id: 'disk-1' }), { code: 'NoSuchDisk' })
  const { root } = await control.ask('showDisk', { id: 'disk-2' })
  t.ok(existsSync(root))
  for (const name of ['renamed', 'disk-2', 'disk-3', 'disk-4']) await control.ask('removeDisk', { id: name })
  t.notOk(existsSync(root))
  t.equal((await control.ask('listDisks')).length, 1)
})

t.test('a removed disk is gone at the S3 door when the removal returns', async (t) => {
  const { disk } = await control.ask('createDisk', {}, { name: 'short-lived' })
  writeFileSync(join(disk.root, 'f'), 'x')
  const user = await control.ask('addUser', { id: disk.id }, { nickname: 'me' })
  const door = {
    ...daemon,
    bucket: 'short-lived',
    accessKeyId: user.identifier,
    secretAccessKey: user.secretAccessKey,
  }
  t.equal((await s3(door, { key: 'f' })).status, 200)
  await control.ask('removeDisk', { id: disk.id })
  t.equal((await s3(door, { key: 'f' })).status, 403)
})

t.test('a disk whose root is another directory says so, and comes back', async (t) => {
  const root = make('moving')
  writeFileSync(join(root, 'f'), 'x')
  const { disk } = await control.ask('createDisk', {}, { name: 'moving', root })
  const user = await control.ask('addUser', { id: disk.id }, { nickname: 'me' })
  const door = {
    ...daemon,
    bucket: 'moving',
    accessKeyId: user.identifier,
    secretAccessKey: user.secretAccessKey,
  }
  t.equal((await s3(door, { key: 'f' })).status, 200)
  const { renameSync } = await import('node:fs')
  renameSync(root, `${root}-away`)
  make('moving')
  t.equal((await s3(door, { key: 'f' })).status, 503)
  t.equal((await s3(door, { query: { 'list-type': '2' } })).status, 503, 'not an empty bucket')
  t.match(await control.ask('showDisk', { id: 'moving' }), {
    status: 'offline',
    offlineReason: /not the directory/,
  })
  await t.rejects(control.ask('mountDisk', { id: 'moving' }, {}), { code: 'DiskOffline' })
  await control.ask('changeDisk', { id: 'moving' }, { root: `${root}-away` })
  t.equal((await s3(door, { key: 'f' })).status, 200)
  await control.ask('removeDisk', { id: 'moving' })
  t.ok(existsSync(`${root}-away/f`))
})

t.test('rotating the local key keeps what was signed before, until the key is retired', async (t) => {
  const user = await control.ask('addUser', { id }, { nickname: 'before' })
  const door = { ...daemon, accessKeyId: user.identifier, secretAccessKey: user.secretAccessKey }
  const { url } = await control.ask('share', { id }, { key: 'hello.txt', expiresIn: 60 })
  t.equal((await fetch(url)).status, 200)

  const key = await control.ask('rotateKey')
  t.match(key, { current: true, users: 0 })
  t.equal((await s3(door, { key: 'hello.txt' })).status, 200)
  t.equal((await fetch(url)).status, 200)
  const after = await control.ask('addUser', { id }, { nickname: 'after' })
  t.equal(after.keyId, key.id)
  await t.rejects(control.ask('retireKey', { id: key.id }), { code: 'KeyInUse' })

  await control.ask('retireKey', { id: user.keyId })
  t.equal((await s3(door, { key: 'hello.txt' })).status, 403)
  t.equal((await fetch(url)).status, 403)
  const later = { ...daemon, accessKeyId: after.identifier, secretAccessKey: after.secretAccessKey }
  t.equal((await s3(later, { key: 'hello.txt' })).status, 200)
  const keys = (await control.ask('listKeys')).map((known) => known.id)
  t.ok(keys.includes(key.id))
  t.notOk(keys.includes(user.keyId))
})

t.test('changes that come at one time happen one after the other', async (t) => {
  const names = Array.from({ length: 20 }, (_, n) => `same-${n % 10}`)
  const results = await Promise.allSettled(
    names.map((nickname) => control.ask('addUser', { id }, { nickname })),
  )
  t.equal(results.filter(({ status }) => status === 'fulfilled').length, 10)
  t.equal(
    (await control.ask('listUsers', { id })).filter((user) => user.nickname.startsWith('same-')).length,
    10,
  )
})

t.test('nothing secret is in the log', async (t) => {
  const user = await control.ask('addUser', { id }, { nickname: 'secretive' })
  const { url } = await control.ask('share', { id }, { key: 'hello.txt' })
  await fetch(url)
  await s3(
    { ...daemon, accessKeyId: user.identifier, secretAccessKey: user.secretAccessKey },
    { key: 'hello.txt' },
  )
  const token = new URL(url).pathname.split('/')[3] ?? ''
  t.ok(token.length > 20)
  const log = daemon.log()
  t.match(log, /"operation":"GetObject"/)
  t.notOk(log.includes(token), 'no link')
  t.notOk(log.includes(user.secretAccessKey), 'no secret')
  t.notMatch(log, /Signature=/)
})
