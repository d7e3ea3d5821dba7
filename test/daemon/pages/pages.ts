import { mkdirSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { contentDisposition } from '../../../daemon/http/content-disposition.ts'
import { createDoors } from '../../../daemon/doors.ts'
import { present } from '../../../daemon/http/presentation.ts'
import { Tally } from '../../../daemon/metrics/tally.ts'
import { doorKeys, doorKeysRecord } from '../../../lib/auth/door-keys.ts'
import { Keyring } from '../../../lib/auth/keyring.ts'
import { signShare } from '../../../lib/auth/share.ts'
import { createLog } from '../../../lib/log.ts'
import { Roster } from '../../../lib/roster.ts'
import { Roots } from '../../../lib/tree/roots.ts'
import { adopted } from '../../fixtures/disk.ts'
import { exchange } from '../../fixtures/raw-http.ts'
import { alone, doorsConfig } from '../../fixtures/door.ts'

const directory = t.testdir({
  root: {
    'cat.png': 'not a picture, but its name says so',
    'page.html': '<script>alert(1)</script>',
    'data.bin': Buffer.alloc(100_000, 7),
    'grüße "a".txt': 'hello\n',
    sub: { 'a.pdf': '%PDF-1.4' },
  },
  secret: 'outside',
})
symlinkSync('../secret', join(directory, 'root', 'out.txt'))
const disk = adopted(join(directory, 'root'))
const roster = new Roster()
roster.replace({ disks: [disk], users: [] })
let keyring = Keyring.create()
const roots = new Roots()
const lines: string[] = []
const log = createLog({ level: 'info', format: 'json', write: (line) => lines.push(line) })
const tally = new Tally()
const server = createDoors({
  roster,
  keys: () => doorKeys(doorKeysRecord(keyring, 0)),
  roots,
  ...alone,
  log,
  tally,
  config: { ...doorsConfig, maxRequests: 3, maxPerAddress: 100, maxPerLink: 100 },
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
t.teardown(() => {
  server.close()
  server.closeAllConnections()
})
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
const soon = () => Math.floor(Date.now() / 1000) + 60
const link = (path: string, expires = soon()) =>
  origin + signShare(keyring, { diskId: disk.id, path, expires })

t.test('a link sends the file with its type, and lets nothing in it run', async (t) => {
  const response = await fetch(link('cat.png'))
  t.equal(response.status, 200)
  t.equal(response.headers.get('content-type'), 'image/png')
  t.equal(response.headers.get('content-disposition'), 'inline; filename="cat.png"')
  t.match(response.headers.get('content-security-policy'), /^default-src 'none'; .*; sandbox$/)
  t.equal(response.headers.get('x-content-type-options'), 'nosniff')
  t.equal(response.headers.get('referrer-policy'), 'no-referrer')
  t.equal(response.headers.get('cache-control'), 'private, no-cache')
  t.equal(response.headers.get('accept-ranges'), 'bytes')
  t.match(response.headers.get('x-amz-request-id'), /^[0-9A-F]{16}$/)
  t.equal(await response.text(), 'not a picture, but its name says so')
})

t.test('a valid X-Request-Id names the answer', async (t) => {
  const named = async (id: string) =>
    (await fetch(link('cat.png'), { headers: { 'x-request-id': id } })).headers.get('x-amz-request-id')
  t.equal(await named('mine-1'), 'mine-1')
  t.match(await named('<x>'), /^[0-9A-F]{16}$/)
})

t.test('HEAD, ranges and conditions', async (t) => {
  const url = link('data.bin')
  const head = await fetch(url, { method: 'HEAD' })
  t.equal(head.headers.get('content-length'), '100000')
  t.match(head.headers.get('content-disposition'), /^attachment/)
  const part = await fetch(url, { headers: { range: 'bytes=10-19' } })
  t.equal(part.status, 206)
  t.equal(part.headers.get('content-range'), 'bytes 10-19/100000')
  t.equal((await part.arrayBuffer()).byteLength, 10)
  const etag = head.headers.get('etag') ?? ''
  const same = await fetch(url, { headers: { 'if-none-match': etag } })
  t.equal(same.status, 304)
  t.equal(same.headers.get('etag'), etag)
  t.equal(same.headers.get('accept-ranges'), 'bytes')
  const failed = await fetch(url, { headers: { 'if-match': '"x"' } })
  t.equal(failed.status, 412)
  t.equal(failed.headers.get('etag'), etag)
  t.equal(failed.headers.get('accept-ranges'), 'bytes')
  const past = await fetch(url, { headers: { range: 'bytes=100000-' } })
  t.equal(past.status, 416)
  t.equal(past.headers.get('content-range'), 'bytes */100000')
  t.equal(past.headers.get('accept-ranges'), 'bytes')
})

t.test('a name in any script', async (t) => {
  const response = await fetch(link('grüße "a".txt'))
  t.equal(
    response.headers.get('content-disposition'),
    `inline; filename="gr__e _a_.txt"; filename*=UTF-8''gr%C3%BC%C3%9Fe%20%22a%22.txt`,
  )
  t.equal(
    contentDisposition('attachment', 'a%41.txt'),
    `attachment; filename="a_41.txt"; filename*=UTF-8''a%2541.txt`,
  )
  t.equal(
    contentDisposition('attachment', 'a\r\nX: y'),
    `attachment; filename="a__X: y"; filename*=UTF-8''a%0D%0AX%3A%20y`,
  )
  t.match(contentDisposition('inline', '日本語.txt'), /filename\*=UTF-8''%E6%97%A5/)
  t.match(contentDisposition('inline', "it's (1)*"), /^inline; filename="it's \(1\)\*"$/)
})

t.test('what a browser shows, and what it downloads', async (t) => {
  for (const type of [
    'text/html',
    'image/svg+xml',
    'video/mp4',
    'audio/ogg',
    'application/pdf',
    'text/plain; charset=utf-16',
  ])
    t.equal(present(type).disposition, 'inline', type)
  for (const type of [
    'application/octet-stream',
    'application/zip',
    'multipart/related',
    'application/x-sh',
    'image/tiff',
    '',
  ])
    t.equal(present(type).disposition, 'attachment', type)
  t.equal(present('text/html').type, 'text/html; charset=utf-8')
  t.equal(present('text/plain; charset=utf-16').type, 'text/plain; charset=utf-16')
  for (const type of ['text/html', 'image/svg+xml', 'application/xhtml+xml', 'text/xml', 'application/zip'])
    t.match(present(type).policy, /; sandbox$/, type)
  for (const type of ['video/mp4', 'application/pdf', 'text/html'])
    t.notMatch(present(type).policy, /script/, 'no script in any case')
})

t.test('a link that does not open says why, and never what', async (t) => {
  const expect = async (url: string, status: number, words: RegExp, init: RequestInit = {}) => {
    const response = await fetch(url, init)
    t.equal(response.status, status, url.replace(origin, ''))
    const text = await response.text()
    t.match(text, words)
    t.notMatch(text, /cat|secret|dsk-/)
    t.match(response.headers.get('content-type'), /^text\/html/)
    t.match(response.headers.get('content-security-policy'), /sandbox/)
    t.equal(response.headers.get('cache-control'), 'no-store')
    return response
  }
  await expect(link('cat.png', soon() - 100), 410, /has expired/)
  await expect(link('cat.png').replace('cat', 'dog'), 403, /not valid/)
  await expect(link('none.png'), 404, /no longer there/)
  await expect(link('out.txt'), 404, /no longer there/)
  await expect(link('sub'), 404, /no longer there/)
  await expect(link('sub/'), 404, /no longer there/)
  await expect(link('../secret'), 403, /not valid/)
  await expect(`${origin}/-/none`, 404, /nothing here/)
  await expect(`${origin}/-/s/`, 403, /not valid/)
  const put = await expect(link('cat.png'), 405, /only be read/, { method: 'PUT', body: 'x' })
  t.equal(put.headers.get('allow'), 'GET, HEAD')
})

t.test('it survives rotation, and dies with its disk', async (t) => {
  const url = link('sub/a.pdf')
  keyring = keyring.rotated()
  t.equal((await fetch(url)).status, 200)
  roster.replace({ disks: [], users: [] })
  t.equal((await fetch(url)).status, 404)
  const gone = join(directory, 'gone')
  mkdirSync(gone)
  writeFileSync(join(gone, 'f'), 'x')
  const offline = adopted(gone)
  roster.replace({ disks: [offline], users: [] })
  rmSync(gone, { recursive: true })
  const answer = await fetch(origin + signShare(keyring, { diskId: offline.id, path: 'f', expires: soon() }))
  t.equal(answer.status, 503)
  t.match(await answer.text(), /at the moment/)
  roster.replace({ disks: [disk], users: [] })
})

t.test('the health check', async (t) => {
  const response = await fetch(`${origin}/-/health`)
  t.equal(response.status, 200)
  t.equal(await response.text(), 'ok\n')
  t.equal((await fetch(`${origin}/-/health`, { method: 'HEAD' })).status, 200)
  t.equal((await fetch(`${origin}/-/health`, { method: 'POST' })).status, 405)
})

t.test('shares are bounded as S3 requests are, the health check is not', async (t) => {
  writeFileSync(join(directory, 'root', 'large.bin'), '')
  truncateSync(join(directory, 'root', 'large.bin'), 256 * 1024 * 1024)
  // Bodies that nobody reads.
  const held = await Promise.all([1, 2, 3].map(() => fetch(link('large.bin'))))
  const refused = await fetch(link('cat.png'))
  t.equal(refused.status, 503)
  t.equal(refused.headers.get('retry-after'), '1')
  t.match(await refused.text(), /SlowDown/)
  t.equal((await fetch(`${origin}/-/none`)).status, 503)
  const health = await fetch(`${origin}/-/health`)
  t.equal(health.status, 503, 'it is asked, and says that others are turned away')
  t.equal(await health.text(), 'full: requests are turned away\n')
  t.equal((await fetch(`${origin}/-/live`)).status, 200)
  await Promise.all(held.map(({ body }) => body?.cancel()))
  while (tally.inFlight > 0) await new Promise((resolve) => setTimeout(resolve, 10))
  t.equal((await fetch(link('cat.png'))).status, 200)
  // Some seconds later.
  while ((await fetch(`${origin}/-/health`)).status !== 200)
    await new Promise((resolve) => setTimeout(resolve, 50))
})

t.test('an answer whose turn never comes holds neither a descriptor nor a place', async (t) => {
  const { port } = server.address() as AddressInfo
  const path = link('data.bin').slice(origin.length)
  const descriptors = () => readdirSync('/proc/self/fd').length
  const before = descriptors()
  // The first answer ends the connection, since nobody reads that body.
  const request = `PUT /-/health HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nxGET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
  for (let i = 0; i < 20; i++) {
    const { text } = await exchange(port, [request], { untilClose: true })
    t.match(text, /^HTTP\/1\.1 405 /)
  }
  // Waits for the test's end where one is never let go.
  while (tally.inFlight > 0 || descriptors() > before) await new Promise((resolve) => setTimeout(resolve, 10))
  t.equal((await fetch(link('cat.png'))).status, 200)
})

t.test('the log names each request and no token', async (t) => {
  const url = link('cat.png')
  lines.length = 0
  await (await fetch(url)).text()
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.equal(lines.length, 1)
  t.match(JSON.parse(lines[0] ?? ''), {
    event: 'request',
    operation: 'Share',
    status: 200,
    bytes: 35,
    disk: disk.id,
  })
  t.notMatch(lines[0], url.split('/')[5])
})
