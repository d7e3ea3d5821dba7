/**
 * Hostile input whose weapon is time: swaps that race with a resolution, files that change under a GET, clients
 * that dribble, stall, vanish or pour.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { Agent, request as httpRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { canary, Scene } from '../fixtures/hostile.ts'
import { request } from '../fixtures/raw-http.ts'

const scene = await Scene.open()
t.teardown(() => scene.close())
const { bucket, host, port, root } = scene
const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
const good = async () => {
  const started = performance.now()
  const answer = await scene.attack({ name: 'a good request', send: scene.signed(`/${bucket}/file.txt`) })
  return { body: answer.body, ms: performance.now() - started }
}

/** However it comes about. */
const closing = (socket: Socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()))

const mebibyte = 1 << 20
const big = 64 * mebibyte
const bigFile = (name: string) => {
  const fd = openSync(join(root, name), 'w')
  ftruncateSync(fd, big)
  closeSync(fd)
  return join(root, name)
}
/** Every descriptor that the daemon's processes hold on a disk's files, once nothing moves. */
const openFiles = () =>
  [...scene.descriptors().values()]
    .flat()
    .filter((name) => name.startsWith(`${root}/`) || name.includes(canary))

const agent = new Agent({ keepAlive: true, maxSockets: 8 })
const fetchText = (target: string): Promise<{ status: number; text: string }> =>
  new Promise((resolve, reject) => {
    httpRequest({ agent, host: '127.0.0.1', port, path: target }, (response) => {
      let text = ''
      response.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
      response.on('error', reject)
    })
      .on('error', reject)
      .end()
  })

t.test('10,000 rounds of symbolic links swapped in a race', async (t) => {
  const race = join(root, 'race')
  for (const name of ['dir', 'deep/a/b', 'moving/a']) mkdirSync(join(race, name), { recursive: true })
  mkdirSync(join(scene.outside, 'a', 'b'), { recursive: true })
  mkdirSync(join(scene.outside, 'moving'), { recursive: true })
  for (const place of ['dir', 'deep/a/b', 'moving/a'])
    writeFileSync(join(race, place, 'secret.txt'), 'inside\n')
  for (const place of ['a', 'a/b', 'moving']) writeFileSync(join(scene.outside, place, 'secret.txt'), canary)
  writeFileSync(join(race, 'leaf'), 'inside\n')
  writeFileSync(join(race, 'special'), 'inside\n')
  writeFileSync(join(race, 'hop.txt'), 'inside\n')
  symlinkSync(join(scene.outside, 'secret.txt'), join(race, 'leaf.swap'))
  symlinkSync(scene.outside, join(race, 'dir.swap'))
  symlinkSync(join(scene.outside, 'a'), join(race, 'a.swap'))
  execFileSync('mkfifo', [join(race, 'special.swap')])
  // Links that stay inside, whose way leads through what is swapped.
  symlinkSync('dir/secret.txt', join(race, 'via'))
  symlinkSync('../secret.txt', join(race, 'moving', 'a', 'up'))
  writeFileSync(join(race, 'moving', 'secret.txt'), 'inside\n')
  symlinkSync('hop.txt', join(race, 'hop'))
  symlinkSync(`../../${canary}/secret.txt`, join(race, 'hop.swap'))
  const pairs = [
    ['leaf', 'leaf.swap'],
    ['dir', 'dir.swap'],
    ['deep/a', 'a.swap'],
    ['special', 'special.swap'],
    ['hop', 'hop.swap'],
  ].flatMap(([a = '', b = '']) => [join(race, a), join(race, b)])
  // A directory that is walked through goes out of the disk and comes back.
  pairs.push(join(race, 'moving'), join(scene.outside, 'moving'))

  const swapper = spawn(process.execPath, [
    fileURLToPath(new URL('../fixtures/swapper.js', import.meta.url)),
    ...pairs,
  ])
  let swapped = ''
  swapper.stdout.setEncoding('utf8').on('data', (text: string) => (swapped += text))
  const ended = once(swapper, 'exit')
  const keys = [
    'leaf',
    'dir/secret.txt',
    'deep/a/b/secret.txt',
    'special',
    'via',
    'hop',
    'moving/a/up',
    'moving/a/secret.txt',
    'leaf.swap',
    'dir.swap/secret.txt',
  ].map((key) => scene.presigned(`/${bucket}/race/${key}`, 600))
  keys.push(scene.presigned(`/${bucket}?list-type=2&prefix=race/`, 600))
  const seen = new Map<string, number>()
  const wrong: string[] = []
  let rounds = 0
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      while (rounds < 10_000) {
        const target = keys[rounds++ % keys.length] ?? ''
        const { status, text } = await fetchText(target)
        seen.set(String(status), (seen.get(String(status)) ?? 0) + 1)
        // A name in a listing is fine when it is one of ours; the canary's own name never is.
        if (text.includes(canary)) wrong.push(`${target.slice(0, 60)}: ${text.slice(0, 200)}`)
        if (status === 200 && !target.includes('list-type') && text !== 'inside\n')
          wrong.push(`${target}: ${text}`)
        if (![200, 404, 503].includes(status)) wrong.push(`${target}: ${status}`)
      }
    }),
  )
  swapper.stdin.end()
  await ended
  t.same(wrong.slice(0, 5), [], 'nothing from outside, nothing but the file or NoSuchKey')
  t.ok(Number(swapped) >= 10_000, `${swapped.trim()} swaps, ${rounds} requests`)
  t.ok((seen.get('200') ?? 0) > 1000 && (seen.get('404') ?? 0) > 1000, 'both sides of the race were seen')
  t.comment(`${swapped.trim()} swaps, answers ${JSON.stringify(Object.fromEntries(seen))}`)
  t.ok((seen.get('503') ?? 0) <= 100, 'a resolution that is raced all the time is the exception')
  await wait(100)
  t.same(openFiles(), [])
})

t.test('a file that shrinks under a GET ends in a broken connection', async (t) => {
  const path = bigFile('shrinks')
  let cut = false
  const answer = await scene.attack({
    name: 'shrinks',
    send: scene.signed(`/${bucket}/shrinks`),
    options: {
      untilClose: true,
      discard: true,
      onData: (_socket, received) => {
        if (cut || received < mebibyte) return
        cut = true
        const fd = openSync(path, 'r+')
        ftruncateSync(fd, 2 * mebibyte)
        closeSync(fd)
      },
    },
  })
  t.equal(answer.status, 200)
  t.equal(answer.headers.get('content-length'), String(big))
  t.notOk(answer.whole, 'no padding takes the place of what is gone')
  t.notOk(answer.hung)
})

t.test('a file that is removed or replaced under a GET is sent whole', async (t) => {
  for (const act of ['unlink', 'rename', 'grow'] as const) {
    const path = bigFile('goes')
    let done = false
    const answer = await scene.attack({
      name: act,
      send: scene.signed(`/${bucket}/goes`),
      options: {
        untilClose: true,
        discard: true,
        onData: (_socket, received) => {
          if (done || received < mebibyte) return
          done = true
          if (act === 'unlink') rmSync(path)
          else if (act === 'grow') appendFileSync(path, canary)
          else {
            writeFileSync(`${path}.new`, canary)
            renameSync(`${path}.new`, path)
          }
        },
      },
    })
    t.ok(answer.status === 200 && answer.whole && !answer.hung, `${act}: every byte of what was opened`)
    const head = answer.text.indexOf('\r\n\r\n') + 4
    t.notMatch(answer.text.slice(head), canary)
  }
  rmSync(join(root, 'goes'))
})

t.test('slow loris: headers byte by byte', async (t) => {
  const started = performance.now()
  const sockets = Array.from({ length: 200 }, (_, i) => {
    const socket = connect({ port, host: '127.0.0.1' })
    const text = `GET /${bucket}/file.txt HTTP/1.1\r\nHost: h\r\nX-${i}: ${'a'.repeat(10_000)}`
    let at = 0
    const timer = setInterval(() => socket.write(text.slice(at, ++at)), 250)
    const closed = closing(socket).then(() => performance.now() - started)
    socket.on('error', () => undefined)
    socket.on('close', () => clearInterval(timer))
    socket.resume()
    return closed
  })
  await wait(500)
  const during = await good()
  t.equal(during.body, 'hello\n', 'others are served meanwhile')
  t.ok(during.ms < 2000, `in ${Math.round(during.ms)} ms`)
  const slowest = Math.max(...(await Promise.all(sockets)))
  t.ok(slowest < 10_000, `all 200 are closed after ${Math.round(slowest)} ms`)
})

t.test('connections that say nothing, or stop in the middle', async (t) => {
  const ends = async (name: string, text: string, pause = 0) => {
    const answer = await scene.attack({
      name,
      send: pause === 0 ? text : [text, { wait: pause }, 'x'],
      options: { untilClose: true },
    })
    t.notOk(answer.hung, `${name}: closed after ${Math.round(answer.ms)} ms`)
  }
  await Promise.all([
    ends('nothing', ''),
    ends('half a request line', 'GET /'),
    ends('half the headers', `GET /${bucket}/file.txt HTTP/1.1\r\nHost: h\r\nX`),
    ends('a body that stops', request('PUT', `/${bucket}/new`, [host, ['Content-Length', '100']]) + 'half'),
    ends(
      'a signed body that stops',
      scene.signed(`/${bucket}/new`, { method: 'PUT', after: [['Content-Length', '100']] }) + 'half',
    ),
    ends(
      'a chunk that stops',
      request('PUT', `/${bucket}/new`, [host, ['Transfer-Encoding', 'chunked']]) + 'ff\r\nhalf',
    ),
    ends(
      '100-continue and then nothing',
      request('PUT', `/${bucket}/new`, [host, ['Content-Length', '100'], ['Expect', '100-continue']]),
    ),
    ends(
      'a link, and a body that stops',
      request('GET', '/-/health', [host, ['Content-Length', '100']]) + 'half',
    ),
  ])
})

t.test('a body that pours on a refusal is cut off', async (t) => {
  let sent = 0
  const socket = connect({ port, host: '127.0.0.1' })
  let text = ''
  socket.on('data', (chunk) => (text += chunk.toString('latin1')))
  socket.on('error', () => undefined)
  const closed = closing(socket)
  socket.write(scene.signed(`/${bucket}/new`, { method: 'PUT', after: [['Content-Length', String(1e12)]] }))
  const piece = Buffer.alloc(mebibyte)
  const started = performance.now()
  while (!socket.destroyed && performance.now() - started < 10_000) {
    if (!socket.write(piece)) {
      await Promise.race([once(socket, 'drain').catch(() => undefined), closed, wait(200)])
    }
    sent += piece.length
  }
  await Promise.race([closed, wait(1000)])
  t.ok(
    socket.destroyed,
    `closed after ${Math.round(performance.now() - started)} ms and ${sent / mebibyte} MiB`,
  )
  t.match(text, /^HTTP\/1.1 405 /)
  socket.destroy()
})

t.test('readers that take nothing are let go, those who leave are noticed', async (t) => {
  bigFile('large')
  const stalled = Array.from({ length: 20 }, () => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('error', () => undefined)
    socket.pause()
    socket.write(scene.signed(`/${bucket}/large`))
    return socket
  })
  await wait(500)
  t.equal((await good()).body, 'hello\n', 'others are served meanwhile')
  const started = performance.now()
  while (openFiles().length > 0 && performance.now() - started < 10_000) await wait(250)
  t.same(openFiles(), [], `the file is let go after ${Math.round(performance.now() - started)} ms`)
  for (const socket of stalled) socket.destroy()

  for (let i = 0; i < 500; i++) {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('error', () => undefined)
    socket.write(scene.signed(`/${bucket}/${i % 2 === 0 ? 'large' : 'file.txt'}`))
    if (i % 3 === 0) await once(socket, 'data')
    if (i % 5 === 0) socket.resetAndDestroy()
    else socket.destroy()
  }
  await wait(1000)
  t.same(openFiles(), [], '500 clients that left hold nothing open')
})

t.test('pipelined requests are answered in their order', async (t) => {
  const keep = (target: string) => scene.signed(target, { after: [['Connection', 'keep-alive']] })
  const many = Array.from({ length: 100 }, (_, i) =>
    keep(`/${bucket}/${i % 2 === 0 ? 'file.txt' : 'other.txt'}`),
  )
  const answer = await scene.attack({
    name: 'pipeline',
    send: [...many, scene.signed(`/${bucket}/none`)].join(''),
    options: { untilClose: true },
  })
  const bodies = answer.text
    .split('\r\n\r\n')
    .slice(1)
    .map((part) => part.slice(0, 6))
  t.same(
    bodies.slice(0, 100),
    many.map((_, i) => (i % 2 === 0 ? 'hello\n' : 'other\n')),
  )
})

t.test('altogether', async (t) => {
  await wait(500)
  const before = await count()
  const flood = Array.from({ length: 300 }, async (_, i) => {
    const target = ['file.txt', 'none', 'fifo', 'out-absolute', 'dir/deep/x', 'loop-a', 'out-dir/secret.txt'][
      i % 7
    ]
    return scene.attack({ name: `flood ${i}`, send: scene.signed(`/${bucket}/${target}`) })
  })
  await Promise.all(flood)
  await wait(1500)
  t.ok((await count()) <= before + 2, 'as many descriptors as before')
  t.same(openFiles(), [])
  t.same(scene.audit(), [], 'no answer is wrong in itself')
  t.same(scene.auditLog(), [], 'nor is a line of the log')
})

/** Open descriptors of all processes, sockets of connections that just ended not counted. */
async function count(): Promise<number> {
  await wait(200)
  return [...scene.descriptors().values()].flat().length
}
