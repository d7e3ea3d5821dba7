import { once } from 'node:events'
import {
  closeSync,
  ftruncateSync,
  openSync,
  readdirSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { operations } from '../../../daemon/s3/operations.ts'
import type { DiskSettings } from '../../../lib/disk.ts'
import { adopted } from '../../fixtures/disk.ts'
import { openDoor, type DoorOptions, type OpenDoor } from '../../fixtures/door.ts'
import { exchange } from '../../fixtures/raw-http.ts'
import { errorCode, presign, s3, sign, type S3Request, type S3Response } from '../../fixtures/s3.ts'

async function door(
  t: Test,
  tree: Parameters<Test['testdir']>[0],
  settings: Partial<DiskSettings> = {},
  options: DoorOptions = {},
  more: { alias?: string; tags?: Record<string, string> } = {},
): Promise<OpenDoor & { root: string; ask(asked?: S3Request): Promise<S3Response> }> {
  const root = t.testdir(tree)
  const opened = await openDoor(adopted(root, settings, more as object), options)
  t.teardown(() => opened.close())
  return { ...opened, root, ask: (asked = {}) => s3(opened, asked) }
}

const xml = (response: S3Response) => response.body.toString()

t.test('an object as it is', async (t) => {
  const { ask, root } = await door(t, { 'a.txt': 'hello', dir: { 'b c+é.bin': 'x' }, none: {}, empty: '' })
  utimesSync(join(root, 'a.txt'), 1_000_000_000, 1_000_000_000)
  const got = await ask({ key: 'a.txt' })
  t.equal(got.status, 200)
  t.equal(xml(got), 'hello')
  t.match(got.headers, {
    'content-type': 'text/plain',
    'content-length': '5',
    'accept-ranges': 'bytes',
    'last-modified': 'Sun, 09 Sep 2001 01:46:40 GMT',
    etag: /^"[0-9a-f]{32}-1"$/,
    'x-amz-request-id': /^[0-9A-F]{16}$/,
    'x-amz-id-2': /./,
  })
  const head = await ask({ key: 'a.txt', method: 'HEAD' })
  t.equal(head.status, 200)
  t.equal(head.body.length, 0)
  for (const name of ['etag', 'last-modified', 'content-type', 'content-length', 'accept-ranges'])
    t.equal(head.headers[name], got.headers[name], `HEAD has the same ${name}`)
  t.equal(xml(await ask({ key: 'dir/b c+é.bin' })), 'x', 'a name that has to be encoded')
  t.equal((await ask({ key: 'empty' })).headers['content-length'], '0')

  const missing = await ask({ key: 'dir' })
  t.equal(missing.status, 404, 'a directory without its slash is no object')
  t.equal(errorCode(missing), 'NoSuchKey')
  const marker = await ask({ key: 'dir/' })
  t.equal(marker.status, 200, 'with it, it is its marker')
  t.match(marker.headers, { 'content-type': 'application/x-directory', 'content-length': '0' })
  t.equal((await ask({ key: 'a.txt/' })).status, 404)
  t.equal((await ask({ key: 'a.txt', query: { versionId: 'null' } })).status, 200)
  t.equal(errorCode(await ask({ key: 'a.txt', query: { versionId: 'v1' } })), 'InvalidArgument')
})

t.test('ranges and parts', async (t) => {
  const { ask } = await door(t, { a: '0123456789', empty: '' })
  const range = (range: string, key = 'a') => ask({ key, headers: { range } })
  const middle = await range('bytes=2-4')
  t.equal(middle.status, 206)
  t.equal(xml(middle), '234')
  t.match(middle.headers, {
    'content-range': 'bytes 2-4/10',
    'content-length': '3',
    'accept-ranges': 'bytes',
  })
  t.equal(xml(await range('bytes=-2')), '89')
  t.equal(xml(await range('bytes=8-100')), '89')
  const several = await range('bytes=0-1,4-5')
  t.equal(several.status, 200, 'several ranges: the whole object, as S3 does')
  t.equal(xml(several), '0123456789')
  const beyond = await range('bytes=10-')
  t.equal(beyond.status, 416)
  t.equal(errorCode(beyond), 'InvalidRange')
  t.match(beyond.headers, { 'content-range': 'bytes */10', 'accept-ranges': 'bytes' })
  t.equal((await range('bytes=0-', 'empty')).status, 416)
  const head = await ask({ key: 'a', method: 'HEAD', headers: { range: 'bytes=1-3' } })
  t.equal(head.status, 206)
  t.match(head.headers, { 'content-length': '3', 'content-range': 'bytes 1-3/10' })

  const part = await ask({ key: 'a', query: { partNumber: '1' } })
  t.equal(part.status, 206)
  t.match(part.headers, { 'content-range': 'bytes 0-9/10' })
  t.equal(errorCode(await ask({ key: 'a', query: { partNumber: '2' } })), 'InvalidPartNumber')
  t.equal(errorCode(await ask({ key: 'a', query: { partNumber: 'x' } })), 'InvalidArgument')
  t.equal(
    errorCode(await ask({ key: 'a', query: { partNumber: '1' }, headers: { range: 'bytes=0-1' } })),
    'InvalidRequest',
  )
  const stale = await ask({ key: 'a', headers: { range: 'bytes=0-1', 'if-range': '"other"' } })
  t.equal(stale.status, 200, 'If-Range of another state: the whole object')
})

t.test('conditions', async (t) => {
  const { ask } = await door(t, { a: 'abc' })
  const { etag, 'last-modified': modified } = (await ask({ key: 'a', method: 'HEAD' })).headers
  if (typeof etag !== 'string' || typeof modified !== 'string') throw new Error('no headers')
  const unchanged = await ask({ key: 'a', headers: { 'if-none-match': etag } })
  t.equal(unchanged.status, 304)
  t.equal(unchanged.body.length, 0)
  t.match(unchanged.headers, { etag, 'last-modified': modified, 'accept-ranges': 'bytes' })
  t.match(unchanged.headers, { 'x-amz-request-id': /./, 'x-amz-id-2': /./ })
  t.equal((await ask({ key: 'a', headers: { 'if-modified-since': modified } })).status, 304)
  const failed = await ask({ key: 'a', headers: { 'if-match': '"x"' } })
  t.equal(failed.status, 412)
  t.equal(errorCode(failed), 'PreconditionFailed')
  t.match(failed.headers, { etag, 'accept-ranges': 'bytes' })
  t.equal((await ask({ key: 'a', method: 'HEAD', headers: { 'if-match': '"x"' } })).status, 412)
  t.equal((await ask({ key: 'a', headers: { 'if-match': etag, range: 'bytes=1-1' } })).status, 206)
})

t.test('response-* overrides', async (t) => {
  const opened = await door(t, { a: 'abc' })
  const url = presign(opened, 'a', {
    query: {
      'response-content-type': 'text/html; charset=utf-8',
      'response-content-disposition': 'attachment; filename="é.txt"',
      'response-cache-control': 'no-store',
    },
  })
  const response = await fetch(url)
  t.equal(response.status, 200)
  t.equal(response.headers.get('content-type'), 'text/html; charset=utf-8')
  t.equal(response.headers.get('cache-control'), 'no-store')
  const disposition = response.headers.get('content-disposition') ?? ''
  t.equal(Buffer.from(disposition, 'latin1').toString(), 'attachment; filename="é.txt"')
  const split = await opened.ask({ key: 'a', query: { 'response-content-type': 'a\r\nSet-Cookie: b' } })
  t.equal(errorCode(split), 'InvalidArgument', 'no header is smuggled in')
})

t.test('what a bucket says of itself', async (t) => {
  const { ask, disk } = await door(
    t,
    { a: '1' },
    { region: 'eu-1' },
    {},
    { alias: 'photos', tags: { k: 'a&b' } },
  )
  const head = await ask({ method: 'HEAD' })
  t.equal(head.status, 200)
  t.equal(head.headers['x-amz-bucket-region'], 'eu-1')
  t.equal((await ask({ method: 'HEAD', rawPath: `/${disk.id}/` })).status, 200, 'by its id, with a slash')
  t.match(xml(await ask({ query: { location: '' } })), />eu-1<\/LocationConstraint>/)
  t.match(xml(await ask({ query: { versioning: '' } })), /<VersioningConfiguration xmlns="[^"]*"><\/Ver/)
  t.match(xml(await ask({ query: { tagging: '' } })), /<Tag><Key>k<\/Key><Value>a&amp;b<\/Value><\/Tag>/)
  t.match(xml(await ask({ query: { uploads: '' } })), /<IsTruncated>false</)
  t.match(xml(await ask({ rawPath: '/' })), /<Bucket><Name>photos<\/Name>/)
  t.match(xml(await ask({ key: 'a', query: { tagging: '' } })), /<TagSet><\/TagSet>/)
  t.equal(errorCode(await ask({ key: 'a', query: { uploadId: 'x' } })), 'NoSuchUpload')
  const attributes = await ask({
    key: 'a',
    query: { attributes: '' },
    headers: { 'x-amz-object-attributes': 'ETag,ObjectSize' },
  })
  t.match(xml(attributes), /<ETag>[0-9a-f]{32}-1<\/ETag><ObjectSize>1<\/ObjectSize>/)
  t.equal(errorCode(await ask({ key: 'a', query: { attributes: '' } })), 'InvalidArgument')
})

t.test('listings through their requests', async (t) => {
  const { ask } = await door(t, { 'a&b': '1', dir: { x: '22', 'y\r\x01': '' }, z: { q: '' }, void: {} })
  const keys = (response: S3Response) =>
    [...xml(response).matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key]) => key)
  const v2 = (query: Record<string, string> = {}) => ask({ query: { 'list-type': '2', ...query } })
  const all = await v2()
  t.same(keys(all), ['a&amp;b', 'dir/x', 'dir/y&#xd;&#x1;', 'void/', 'z/q'])
  t.match(xml(all), '<KeyCount>5</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>')
  t.same(keys(await v2({ 'encoding-type': 'url' })), ['a%26b', 'dir/x', 'dir/y%0D%01', 'void/', 'z/q'])
  const rolled = await v2({ delimiter: '/' })
  t.match(xml(rolled), '<CommonPrefixes><Prefix>dir/</Prefix></CommonPrefixes>')
  t.match(xml(rolled), '<KeyCount>4</KeyCount>', 'common prefixes count')
  t.notMatch(xml(await v2({ delimiter: '' })), '<Delimiter>', 'an empty delimiter is none')
  t.equal(errorCode(await v2({ delimiter: '-' })), 'InvalidArgument')
  t.equal(errorCode(await v2({ 'max-keys': '-1' })), 'InvalidArgument')
  t.equal(errorCode(await v2({ 'encoding-type': 'x' })), 'InvalidArgument')
  const nothing = await v2({ 'max-keys': '0' })
  t.match(xml(nothing), '<KeyCount>0</KeyCount><MaxKeys>0</MaxKeys><IsTruncated>false</IsTruncated>')
  t.match(xml(await v2({ 'max-keys': '5000' })), '<MaxKeys>1000</MaxKeys>')
  t.match(xml(await v2({ 'fetch-owner': 'true' })), '<Owner><ID>default</ID>')
  t.notMatch(xml(all), '<Owner>')

  const first = await v2({ 'max-keys': '2' })
  const token = /<NextContinuationToken>(.*?)</.exec(xml(first))?.[1] ?? ''
  t.same(keys(await v2({ 'continuation-token': token })), ['dir/y&#xd;&#x1;', 'void/', 'z/q'])
  const flipped = (token.startsWith('A') ? 'B' : 'A') + token.slice(1)
  for (const bad of [flipped, token + 'A', token.slice(0, -2), 'x', ''])
    t.equal(
      errorCode(await v2({ 'continuation-token': bad })),
      'InvalidArgument',
      `token "${bad}" is refused`,
    )
  t.equal(
    errorCode(await v2({ 'continuation-token': token, prefix: 'd' })),
    'InvalidArgument',
    'in another listing',
  )

  const one = await ask({ query: { 'max-keys': '1', delimiter: '/' } })
  t.match(xml(one), '<NextMarker>a&amp;b</NextMarker>')
  t.match(xml(one), '<Owner>')
  const rest = await ask({ query: { marker: 'dir/', delimiter: '/' } })
  t.notMatch(xml(rest), '<Prefix>dir/</Prefix>', 'a marker that is a common prefix is behind us')
  t.match(xml(rest), '<CommonPrefixes><Prefix>void/</Prefix>')
})

t.test('every operation that AWS documents has its answer', async (t) => {
  const opened = await door(t, { key: 'x' })
  const writable = await door(t, { key: 'x' }, { s3: 'rw' }, { access: 'rw' })
  const reader = await door(t, { key: 'x' }, { s3: 'rw' })
  for (const { name, method, on, query, header, needs, run } of operations) {
    if (run !== undefined) continue
    const asked: S3Request = {
      method,
      ...(on === 'object' ? { key: 'key' } : on === 'service' ? { rawPath: '/' } : {}),
      query: Object.fromEntries(
        query.split('&').flatMap((part) => {
          const [parameter = '', value = ''] = part.split('=')
          return parameter === '' ? [] : [[parameter, value]]
        }),
      ),
      headers: header === undefined ? {} : { [header]: '/b/k' },
    }
    const response = await opened.ask(asked)
    const expected = needs === 'write' ? 405 : 501
    t.match(response.headers['content-security-policy'], /; sandbox$/)
    t.equal(response.status, expected, `${name}: ${expected}`)
    t.equal(errorCode(response), needs === 'write' ? 'MethodNotAllowed' : 'NotImplemented')
    if (needs === 'write') {
      t.match(response.headers['allow'], /GET/, 'says what is allowed')
      t.equal((await writable.ask(asked)).status, 501, `${name} on a writable disk`)
      t.equal((await reader.ask(asked)).status, 403, `${name} by a reader`)
    }
    t.match(opened.log.at(-1), `"operation":"${name}"`)
  }
  const known = new Set(operations.map(({ name }) => name))
  t.equal(known.size, operations.length, 'no operation twice')
  const unknown = await opened.ask({ method: 'PATCH', key: 'key' })
  t.equal(unknown.status, 405, 'what has no row is refused')
})

t.test('nothing that is answered may run in a browser', async (t) => {
  const { ask } = await door(t, { 'a.html': '<script>1</script>', 'a.pdf': '%PDF-1.4', 'a.webm': 'x' })
  const policyFor = async (asked: S3Request) => {
    const { headers, status } = await ask(asked)
    t.ok(status < 400, `${status}`)
    t.equal(headers['x-content-type-options'], 'nosniff')
    t.equal(headers['referrer-policy'], 'no-referrer')
    t.equal(headers['cross-origin-resource-policy'], 'cross-origin')
    return String(headers['content-security-policy'])
  }
  const confined = /^default-src 'none'; .*; sandbox$/
  for (const asked of [
    { key: 'a.html' },
    { key: 'a.html', method: 'HEAD' },
    { key: 'a.html', headers: { range: 'bytes=0-3' } },
    { query: { 'list-type': '2' } },
    { query: { location: '' } },
    { rawPath: '/' },
    { key: 'a.html', query: { tagging: '' } },
  ])
    t.match(await policyFor(asked), confined, JSON.stringify(asked))
  const sentAs = (key: string, type: string) => policyFor({ key, query: { 'response-content-type': type } })
  for (const type of [
    'text/html',
    'application/xhtml+xml',
    'image/svg+xml',
    'multipart/x-mixed-replace; boundary=x',
    // Of a list a browser takes the last.
    'application/pdf, text/html',
    'application/pdf;x=,text/html',
    'video/webm;,text/html',
    'application/pdf/x',
    '',
  ])
    t.match(await sentAs('a.pdf', type), confined, type)
  t.match(
    await policyFor({ key: 'a.pdf' }),
    /; object-src 'self'; frame-src 'self'$/,
    'their viewer has no sandbox',
  )
  t.match(await sentAs('a.html', ' Application/PDF ; x=y'), /frame-src 'self'$/)
  t.match(await policyFor({ key: 'a.webm' }), /; sandbox allow-same-origin$/)
  const refused = await ask({ key: 'none' })
  t.match(refused.headers['content-security-policy'], confined)
  const typed = await ask({ key: 'a.html', query: { 'response-content-type': 'text/html' } })
  t.equal(typed.headers['content-type'], 'text/html', 'what S3 says of a file stays')
  t.equal(typed.headers['content-disposition'], undefined)
})

t.test('one credential opens one disk', async (t) => {
  const other = adopted(t.testdir({ other: { secret: 'x' } }) + '/other')
  const { ask, roster, disk } = await door(
    t,
    { mine: { a: 'x' }, other: { secret: 'x' } },
    {},
    { others: [other] },
  )
  for (const rawPath of [`/${other.id}`, `/${other.id}/secret`, '/never-heard-of', `/${disk.id}x/a`]) {
    const response = await ask({ rawPath })
    t.equal(response.status, 403, rawPath)
    t.equal(errorCode(response), 'AccessDenied')
  }
  roster.replace({ disks: [disk], users: [] })
  t.equal(errorCode(await ask({ key: 'mine/a' })), 'InvalidAccessKeyId', 'a revoked user at the next request')
})

t.test('ids: ours on every answer, the client’s where it is valid', async (t) => {
  const { ask, port, log } = await door(t, { a: 'x' })
  const named = await ask({ key: 'none', headers: { 'x-request-id': 'trace-1' } })
  t.equal(named.headers['x-amz-request-id'], 'trace-1')
  t.match(xml(named), '<RequestId>trace-1</RequestId>')
  t.not(named.headers['x-amz-id-2'], 'trace-1')
  const odd = await ask({ key: 'a', headers: { 'x-request-id': 'a b<c>' } })
  t.match(odd.headers['x-amz-request-id'], /^[0-9A-F]{16}$/)
  const refusals: [string, number, string][] = [
    [
      'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      400,
      'BadRequest',
    ],
    [`GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(20_000)}\r\n\r\n`, 431, 'RequestHeaderSectionTooLarge'],
    ['nonsense\r\n\r\n', 400, 'BadRequest'],
    ['GET / HTTP/1.1\r\n\r\n', 400, 'BadRequest'],
    ['GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400, 'BadRequest'],
    ['GET http://elsewhere/a HTTP/1.1\r\nHost: x\r\n\r\n', 400, 'InvalidURI'],
    ['GET /a%zz HTTP/1.1\r\nHost: x\r\n\r\n', 400, 'InvalidURI'],
    ['OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n', 400, 'InvalidURI'],
    ['GET /b/a HTTP/1.1\r\nHost: x\r\n\r\n', 403, 'AccessDenied'],
    ['GET /b/a HTTP/1.1\r\nHost: x\r\nExpect: a-miracle\r\n\r\n', 417, 'ExpectationFailed'],
  ]
  for (const [text, status, code] of refusals) {
    const answer = await exchange(port, [text])
    t.equal(answer.status, status, JSON.stringify(text.slice(0, 60)))
    t.match(answer.body, `<Code>${code}</Code>`)
    t.match(answer.headers.get('x-amz-request-id'), /^[0-9A-F]{16}$/)
    t.ok(answer.headers.get('x-amz-id-2'))
    t.match(answer.body, `<RequestId>${answer.headers.get('x-amz-request-id')}</RequestId>`)
  }
  t.notMatch(log.join(''), /Signature|Credential|trace-1.*<|X-Amz-Signature/)
})

t.test('a slow head is answered 408', async (t) => {
  const { port } = await door(t, {}, {}, { config: { headersTimeout: 300 } })
  const answer = await exchange(port, ['GET / HTTP/1.1\r\nHo'])
  t.equal(answer.status, 408)
  t.match(answer.body, '<Code>RequestTimeout</Code>')
  t.ok(answer.headers.get('x-amz-request-id'))
})

t.test('a reader who stops reading is let go, its file closed', async (t) => {
  const opened = await door(t, {}, {}, { config: { idleTimeout: 500 } })
  const path = join(opened.root, 'large')
  const fd = openSync(path, 'w')
  ftruncateSync(fd, 256 * 1024 * 1024)
  closeSync(fd)
  const { target, headers } = sign(opened, { key: 'large' })
  const socket = connect(opened.port, '127.0.0.1')
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`GET ${target} HTTP/1.1\r\n${lines.join('')}\r\n`)
  await once(socket, 'readable')
  socket.pause()
  const opens = () => readdirSync('/proc/self/fd').length
  const during = opens()
  while (opened.log.length === 0) await sleep(50)
  t.ok(opens() < during, 'fewer descriptors than during the transfer')
  socket.destroy()
})

t.test('refused bodies', async (t) => {
  const opened = await door(t, { a: 'x' })
  const put = (headers: Record<string, string>) => {
    const signed = sign(opened, {
      method: 'PUT',
      key: 'new',
      headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', ...headers },
    })
    const lines = Object.entries(signed.headers).map(([name, value]) => `${name}: ${value}\r\n`)
    return `PUT ${signed.target} HTTP/1.1\r\n${lines.join('')}\r\n`
  }
  const expecting = await exchange(opened.port, [
    put({ expect: '100-continue', 'content-length': '1000000' }),
  ])
  t.equal(expecting.status, 405, 'refused before the body')
  t.notMatch(expecting.text, '100 Continue')
  t.equal(expecting.headers.get('connection'), 'close')

  const sending = await exchange(
    opened.port,
    [put({ 'content-length': '2000000' }), Buffer.alloc(2_000_000)],
    {
      untilClose: true,
    },
  )
  t.equal(sending.status, 405, 'the answer arrives although the body was sent')
  t.ok(sending.whole)

  let taken = 0
  const socket = connect(opened.port, '127.0.0.1')
  socket.on('error', () => {})
  socket.resume()
  socket.write(put({ 'content-length': '1000000000' }))
  const piece = Buffer.alloc(1024 * 1024)
  while (!socket.destroyed && taken < 200 * piece.length) {
    if (!socket.write(piece))
      await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => {})
    taken += piece.length
  }
  t.ok(socket.destroyed || socket.closed, 'a body without end is cut off')
})

t.test('a file that changes while it is sent', async (t) => {
  const opened = await door(t, {})
  const { root } = opened
  const size = 64 * 1024 * 1024
  const make = (name: string) => {
    const fd = openSync(join(root, name), 'w')
    ftruncateSync(fd, size)
    closeSync(fd)
  }
  const get = async (name: string, meanwhile: () => void) => {
    const { target, headers } = sign(opened, { key: name })
    const lines = Object.entries(headers).map(([header, value]) => `${header}: ${value}\r\n`)
    let acted = false
    return exchange(opened.port, [`GET ${target} HTTP/1.1\r\nConnection: close\r\n${lines.join('')}\r\n`], {
      discard: true,
      untilClose: true,
      patience: 30_000,
      onData(socket) {
        if (acted) return
        acted = true
        socket.pause()
        meanwhile()
        setTimeout(() => socket.resume(), 50)
      },
    })
  }
  make('shrinks')
  const shrunk = await get('shrinks', () => {
    const fd = openSync(join(root, 'shrinks'), 'r+')
    ftruncateSync(fd, size / 2)
    closeSync(fd)
  })
  t.equal(shrunk.status, 200)
  t.equal(shrunk.headers.get('content-length'), String(size))
  t.notOk(shrunk.whole, 'shrinks: broken, never padded')
  t.notOk(shrunk.hung)
  make('vanishes')
  const vanished = await get('vanishes', () => unlinkSync(join(root, 'vanishes')))
  t.ok(vanished.whole, 'vanishes: complete from the descriptor')
  make('replaced')
  const replaced = await get('replaced', () => {
    writeFileSync(join(root, 'next'), 'short')
    renameSync(join(root, 'next'), join(root, 'replaced'))
  })
  t.ok(replaced.whole, 'replaced: complete as it was')
  t.equal(xml(await opened.ask({ key: 'replaced' })), 'short', 'and new at the next request')
})

t.test('virtual hosts, and what is not S3', async (t) => {
  const { ask, port } = await door(
    t,
    { '-': { s: { x: 'object' } }, a: 'one' },
    {},
    { config: { domains: ['s3.example.com'] } },
    { alias: 'photos' },
  )
  const host = 'photos.s3.example.com:9010'
  t.equal(xml(await ask({ rawPath: '/a', headers: { host } })), 'one')
  t.equal(
    xml(await ask({ rawPath: '/-/s/x', headers: { host } })),
    'object',
    "on a bucket's own host /-/ is a key",
  )
  t.equal((await ask({ rawPath: '/', headers: { host: 'other.s3.example.com' } })).status, 403)
  t.equal(xml(await ask({ rawPath: '/photos/a', headers: { host: 's3.example.com' } })), 'one')
  const page = await exchange(port, ['GET /-/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'], {
    untilClose: true,
  })
  t.match(page.text, /^HTTP\/1\.1 200 [^]*\r\n\r\nok\n$/, 'on any other host it is a page')
})

t.test('an offline disk is unavailable, never empty', async (t) => {
  const { ask, root, disk } = await door(t, { disk: { a: 'x' } })
  t.equal((await ask({ key: 'disk/a' })).status, 200)
  renameSync(root, `${root}-away`)
  t.teardown(() => renameSync(`${root}-away`, root))
  for (const asked of [{ key: 'disk/a' }, { query: { 'list-type': '2' } }, {}]) {
    const response = await ask(asked)
    t.equal(response.status, 503)
    t.equal(errorCode(response), 'ServiceUnavailable')
    t.ok(response.headers['retry-after'])
  }
  t.equal((await ask({ method: 'HEAD' })).status, 503)
  t.ok(disk.root)
})

t.test('too many requests at once', async (t) => {
  const { ask } = await door(t, { a: 'x' }, {}, { config: { maxRequests: 0 } })
  const response = await ask({ key: 'a' })
  t.equal(response.status, 503)
  t.equal(errorCode(response), 'SlowDown')
})

t.test('what lies outside is no object', async (t) => {
  const { ask, root } = await door(t, { in: { a: 'x' }, '.twofold': { staged: 'x' } })
  symlinkSync('/etc/passwd', join(root, 'out'))
  symlinkSync('in/a', join(root, 'inside'))
  for (const key of ['out', '../etc/passwd', '.twofold/staged', 'in/../in/a', 'in//a', 'in/a\0'])
    t.equal((await ask({ key })).status, 404, JSON.stringify(key))
  t.equal(xml(await ask({ key: 'inside' })), 'x')
})
