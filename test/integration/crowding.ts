/**
 * Many clients, and greedy ones, against a real daemon over raw sockets: who takes all that he can get leaves room for
 * others, whoever is slow can't hold a place that somebody else wants, and a proxy's clients are told apart.
 */
import { once } from 'node:events'
import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Client } from '../../daemon/cli/client.ts'
import { startDaemon } from '../fixtures/daemon.ts'
import { exchange, request, type Answer, type Field } from '../fixtures/raw-http.ts'
import { presign, sign, type Door } from '../fixtures/s3.ts'

const mebibyte = 1 << 20
/** More than the kernel takes for a client that reads nothing. */
const big = 48 * mebibyte

interface Scene extends Door {
  /** The disk's root. */
  readonly root: string
  readonly port: number
  /** Another key for the same disk. */
  readonly second: Door
  log(): string
  /** The path of a new link. */
  link(path: string, seconds?: number): Promise<string>
  /** The sum over all workers. */
  metric(name: string, labels?: Record<string, string>): Promise<number>
}

async function scene(t: Test, args: readonly string[]): Promise<Scene> {
  const directory = mkdtempSync(join(tmpdir(), 'twofold-crowd-'))
  const root = join(directory, 'data')
  const state = join(directory, 'state')
  mkdirSync(root)
  writeFileSync(join(root, 'small'), 'small\n')
  const fd = openSync(join(root, 'big'), 'w')
  ftruncateSync(fd, big)
  closeSync(fd)
  const daemon = await startDaemon(root, { state, args: ['--no-mount', '--listen', '127.0.0.1:0', ...args] })
  t.teardown(async () => {
    await daemon.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const control = new Client(join(state, 'control.sock'))
  const user = await control.ask('addUser', { id: daemon.disk }, { nickname: 'second' })
  return {
    ...daemon,
    root,
    port: Number(new URL(daemon.endpoint).port),
    second: { ...daemon, accessKeyId: user.identifier, secretAccessKey: user.secretAccessKey },
    async link(path, expiresIn = 3600) {
      const { url } = await control.ask('share', { id: daemon.disk }, { key: path, expiresIn })
      return new URL(url).pathname
    },
    async metric(name, labels = {}) {
      return (await control.ask('metrics'))
        .filter((one) => one.name === name && Object.entries(labels).every(([k, v]) => one.labels[k] === v))
        .reduce((sum, { value }) => sum + value, 0)
    },
  }
}

/** A signed GET as text. */
function signed(door: Door, key: string, more: readonly Field[] = [], keep = false): string {
  const { target, headers } = sign(door, { key })
  return request('GET', target, [
    ...Object.entries(headers),
    ...more,
    ...(keep ? [['Connection', 'keep-alive'] as const] : []),
  ])
}
const unsigned = (path: string, more: readonly Field[] = []) => request('GET', path, [['Host', 'a'], ...more])
const presigned = (door: Door, key: string) =>
  request('GET', presign(door, key).slice(door.endpoint.length), [['Host', new URL(door.endpoint).host]])

interface Held {
  readonly socket: Socket
  /** Of its answer; 0 for none. */
  readonly status: number
}

/** Opens a connection, sends `text`, and reads no more than the answer's beginning. */
async function hold(t: Test, port: number, text: string, from = '127.0.0.1'): Promise<Held> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from })
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  if (text === '') {
    await once(socket, 'connect')
    return { socket, status: 0 }
  }
  socket.write(text)
  const status = await new Promise<number>((resolve) => {
    socket.once('close', () => resolve(0))
    socket.once('data', (chunk: Buffer) => {
      socket.pause()
      resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(chunk.toString('latin1'))?.[1] ?? 0))
    })
  })
  return { socket, status }
}

const holdMany = (t: Test, count: number, port: number, text: string, from?: string): Promise<Held[]> =>
  Promise.all(Array.from({ length: count }, () => hold(t, port, text, from)))
const served = (held: readonly Held[]) => held.filter(({ status }) => status === 200).length
const letGo = (held: readonly Held[]) => held.forEach(({ socket }) => socket.destroy())
const until = async (holds: () => boolean | Promise<boolean>) => {
  for (const deadline = Date.now() + 60_000; !(await holds()); await sleep(20))
    if (Date.now() > deadline) throw new Error(`not within a minute: ${holds.toString()}`)
}
const idle = (scene: Scene) => until(async () => (await scene.metric('twofold_s3_requests_in_flight')) === 0)

const ask = async (scene: Scene, text: string, from = '127.0.0.1'): Promise<Answer> => {
  // `exchange` with an address of one's own.
  if (from === '127.0.0.1') return exchange(scene.port, [text])
  const socket = connect({ port: scene.port, host: '127.0.0.1', localAddress: from })
  const chunks: Buffer[] = []
  socket.on('error', () => {}).on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.write(text)
  await Promise.race([once(socket, 'close'), sleep(10_000)])
  socket.destroy()
  const all = Buffer.concat(chunks).toString('latin1')
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(all)?.[1] ?? 0)
  return {
    text: all,
    status,
    headers: new Map(),
    body: all.split('\r\n\r\n')[1] ?? '',
    whole: true,
    ms: 0,
    hung: false,
  }
}

t.test('with the defaults', async (t) => {
  const door = await scene(t, [])
  const { port } = door

  t.test('2,200 readers of one link who read nothing keep no key out', async (t) => {
    const link = await door.link('big')
    const held = await holdMany(t, 2200, port, unsigned(link))
    const got = served(held)
    // A third of 1,024 places of each of two workers, however they share the connections.
    t.ok(got >= 300 && got <= 700, `${got} were served`)
    t.equal(
      held.filter(({ status }) => status === 503).length,
      2200 - got,
      'the others were told to slow down',
    )
    for (let i = 0; i < 30; i++) t.equal((await ask(door, signed(door, 'small'))).status, 200, 'a key')
    t.equal((await ask(door, unsigned(await door.link('small')))).status, 200, 'another link')
    t.equal((await ask(door, unsigned('/-/health'))).body, 'ok\n', 'nobody else is turned away')
    t.equal(await door.metric('twofold_s3_refused_total', { why: 'link' }), 2200 - got)
    letGo(held)
    await idle(door)
  })

  t.test('256 connections of one program on this machine are all served, again and again', async (t) => {
    const text = signed(door, 'small', [], true)
    const statuses = new Map<number, number>()
    await Promise.all(
      Array.from({ length: 256 }, async () => {
        const socket = connect({ port, host: '127.0.0.1' })
        t.teardown(() => socket.destroy())
        for (let i = 0; i < 10; i++) {
          socket.write(text)
          const [chunk] = (await once(socket, 'data')) as [Buffer]
          const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(chunk.toString('latin1'))?.[1] ?? 0)
          statuses.set(status, (statuses.get(status) ?? 0) + 1)
        }
        socket.destroy()
      }),
    )
    t.same([...statuses], [[200, 2560]])
  })

  t.test('256 downloads at one time of one key on this machine are all served', async (t) => {
    const held = await holdMany(t, 256, port, signed(door, 'big'))
    t.equal(served(held), 256)
    letGo(held)
    await idle(door)
  })
})

t.test('with few places', async (t) => {
  const door = await scene(t, [
    ...['--workers', '1', '--max-requests', '40', '--max-connections', '120'],
    ...['--least-rate-time', '1h', '--idle-timeout', '1h'],
  ])
  const { port } = door
  const other = '127.0.0.2'

  t.test('a key leaves half of them to others, from whatever address they come', async (t) => {
    const held = await holdMany(t, 60, port, signed(door, 'big'))
    t.equal(served(held), 20)
    t.equal((await ask(door, signed(door, 'small'))).status, 503)
    t.equal((await ask(door, signed(door, 'small'), other)).status, 503, 'the key is the same from elsewhere')
    const refused = await ask(door, presigned(door, 'small'), other)
    t.equal(refused.status, 503, 'and in the address')
    t.match(refused.text, /<Code>SlowDown<[\s\S]*this access key/)
    t.match(refused.text, /\r\nRetry-After: 1\r\n/)
    t.equal((await ask(door, signed(door.second, 'small'))).status, 200, 'another key of the disk')
    letGo(held)
    await idle(door)
    t.equal((await ask(door, signed(door, 'small'))).status, 200)
  })

  t.test('two keys and five links leave a place to a sixth', async (t) => {
    const links = await Promise.all([1, 2, 3, 4, 5].map((more) => door.link('big', 3600 + more)))
    const texts = [signed(door, 'big'), signed(door.second, 'big'), ...links.map((link) => unsigned(link))]
    const held: Held[] = []
    for (const [i, text] of texts.entries()) held.push(...(await holdMany(t, 40, port, text, `127.0.1.${i}`)))
    t.ok(served(held) < 40, `${served(held)} of 40 places are taken`)
    t.equal((await ask(door, unsigned(await door.link('small')), other)).status, 200)
    letGo(held)
    await idle(door)
  })

  t.test('an address leaves a quarter of them to others, with however many links it comes', async (t) => {
    const held: Held[] = []
    for (let i = 0; i < 8; i++)
      held.push(...(await holdMany(t, 12, port, unsigned(await door.link('big', 3600 + i)))))
    t.ok(served(held) <= 30, `${served(held)} of 40 places are taken`)
    t.equal((await ask(door, signed(door, 'small'), other)).status, 200, 'another address')
    letGo(held)
    await idle(door)
  })

  t.test('who has no valid link takes no link’s places', async (t) => {
    const link = await door.link('big')
    const false_ = unsigned(`${link.slice(0, -3)}xxx`)
    t.equal(served(await holdMany(t, 100, port, false_, '127.0.3.1')), 0)
    const held = await holdMany(t, 1, port, unsigned(link))
    t.equal(served(held), 1)
    letGo(held)
    await idle(door)
  })

  t.test('connections that say nothing keep nobody out, and a download goes on among them', async (t) => {
    const before = await door.metric('twofold_s3_connections_closed_total', { why: 'idle' })
    const download = await hold(t, port, signed(door, 'big'))
    const silent = await holdMany(t, 400, port, '')
    t.equal((await ask(door, signed(door.second, 'small'))).status, 200, 'of the same address')
    t.equal((await ask(door, signed(door.second, 'small'), other)).status, 200, 'of another')
    await until(() => silent.filter(({ socket }) => socket.closed).length >= 300)
    t.ok((await door.metric('twofold_s3_connections_closed_total', { why: 'idle' })) - before >= 300)
    t.ok((await door.metric('twofold_s3_connections')) <= 120)
    const rest = await receive(download.socket)
    t.ok(rest > big - mebibyte, 'the one that had a request in flight was left alone')
    letGo(silent)
    await idle(door)
  })

  t.test('connections that begin to speak and stop are no better', async (t) => {
    const half = 'GET / HTTP/1.1\r\nHost: a\r\n'
    const stopped = await Promise.all(
      Array.from({ length: 300 }, async () => {
        const held = await hold(t, port, '')
        held.socket.write(half)
        return held
      }),
    )
    t.equal((await ask(door, signed(door, 'small'))).status, 200)
    letGo(stopped)
  })
})

t.test('with slow readers', async (t) => {
  const door = await scene(t, [
    ...['--workers', '1', '--max-requests', '40', '--least-rate-time', '1s', '--idle-timeout', '1h'],
  ])
  const { port } = door

  t.test('a slow reader is left alone while there is room', async (t) => {
    const before = await door.metric('twofold_s3_connections_closed_total', { why: 'slow' })
    const paused = await hold(t, port, signed(door, 'big'))
    // Longer than the least rate's time, several times over.
    await sleep(4000)
    t.ok((await receive(paused.socket)) > big - mebibyte, 'and gets all of it when it goes on')
    t.equal(await door.metric('twofold_s3_connections_closed_total', { why: 'slow' }), before)
    await idle(door)
  })

  t.test('slow readers of a link lose their places to others who want it', async (t) => {
    const link = await door.link('big')
    const before = await door.metric('twofold_s3_connections_closed_total', { why: 'slow' })
    const held = await holdMany(t, 40, port, unsigned(link))
    const got = served(held)
    t.ok(got > 8, `${got} of 40`)
    // Reads a little, and often.
    const steady = held.find(({ status }) => status === 200)!.socket
    let read = 0
    steady.on('data', (chunk: Buffer) => {
      read += chunk.length
      steady.pause()
    })
    const reading = setInterval(() => steady.resume(), 100)
    t.teardown(() => clearInterval(reading))
    await until(async () => (await ask(door, unsigned(link).replace('GET', 'HEAD'))).status === 200)
    const cut = () => door.metric('twofold_s3_connections_closed_total', { why: 'slow' })
    await until(async () => {
      await ask(door, unsigned(link).replace('GET', 'HEAD'))
      held.push(...(await holdMany(t, 20, port, unsigned(link))))
      return (await cut()) - before >= got - 1
    })
    const soFar = read
    await until(() => read > soFar + mebibyte / 4)
    t.notOk(steady.closed, 'one that reads is kept')
    clearInterval(reading)
    letGo(held)
    await idle(door)
  })

  t.test('and of anything, when three quarters of all places are taken', async (t) => {
    const cut = () => door.metric('twofold_s3_connections_closed_total', { why: 'slow' })
    const before = await cut()
    const held = [
      ...(await holdMany(t, 20, port, signed(door, 'big'), '127.0.4.1')),
      ...(await holdMany(t, 20, port, signed(door.second, 'big'), '127.0.4.2')),
      ...(await holdMany(t, 20, port, unsigned(await door.link('big')), '127.0.4.3')),
    ]
    const got = served(held)
    t.ok(got > 30, `${got} of 40`)
    await until(async () => (await door.metric('twofold_s3_requests_in_flight')) <= 30)
    t.ok((await cut()) > before)
    letGo(held)
  })
})

t.test('with no place at all', async (t) => {
  const all = [
    '--max-per-address',
    '100',
    '--max-per-key',
    '100',
    '--max-per-link',
    '100',
    '--least-rate',
    '0',
  ]
  const door = await scene(t, ['--workers', '1', '--max-requests', '8', '--max-connections', '4', ...all])
  const { port } = door
  const held = await holdMany(t, 4, port, signed(door, 'big'))
  t.equal(served(held), 4)

  t.test('a connection more is told so, and closed', async (t) => {
    const answer = await exchange(port, [signed(door, 'small', [], true)], { untilClose: true })
    t.equal(answer.status, 503)
    t.match(answer.text, /<Code>SlowDown<[\s\S]*connections/)
    t.match(answer.text, /\r\nConnection: close\r\n/i)
    t.ok((await door.metric('twofold_s3_refused_total', { why: 'connections' })) > 0)
  })

  t.test('a load balancer that asks is answered', async (t) => {
    t.equal((await ask(door, unsigned('/-/health'))).status, 200)
    t.equal((await ask(door, unsigned('/-/live'))).status, 200)
  })

  t.test('and so with 500 others waiting at the door', async (t) => {
    const waiting = await holdMany(t, 500, port, '')
    t.equal((await ask(door, unsigned('/-/live'))).status, 200)
    letGo(waiting)
  })

  t.test('whose turn comes gets in on the connection that he has', async (t) => {
    const waiting = await hold(t, port, '')
    letGo(held)
    await idle(door)
    waiting.socket.write(signed(door, 'small'))
    const [chunk] = (await once(waiting.socket, 'data')) as [Buffer]
    t.match(chunk.toString('latin1'), /^HTTP\/1\.1 200 /)
  })
})

t.test('behind a proxy', async (t) => {
  const proxy = '127.0.0.2'
  const door = await scene(t, [
    ...['--workers', '1', '--max-requests', '40', '--trusted-proxies', `${proxy},10.0.0.0/8,fd00::/8`],
  ])
  const { port } = door
  const from = (...lists: string[]): Field[] => lists.map((list) => ['X-Forwarded-For', list])
  let count = 0
  /** The address that the log names for a request with these fields. */
  const clientOf = async (fields: readonly Field[], peer = proxy) => {
    const id = `asks-${++count}`
    await ask(door, unsigned('/-/health', [['X-Request-Id', id], ...fields]), peer)
    const logged = () =>
      door
        .log()
        .split('\n')
        .find((line) => line.includes(`"${id}"`))
    await until(() => logged() !== undefined)
    return /"client":"([^"]*)"/.exec(logged() ?? '')?.[1]
  }

  t.test('the client is the last hop that is no proxy of ours', async (t) => {
    t.equal(await clientOf(from('203.0.113.7')), '203.0.113.7')
    t.equal(await clientOf(from('203.0.113.7, 10.1.2.3')), '203.0.113.7')
    t.equal(await clientOf(from('203.0.113.7', '10.1.2.3')), '203.0.113.7', 'in two fields')
    t.equal(await clientOf(from('2001:DB8::7, fd00::1')), '2001:DB8::7')
    t.equal(await clientOf(from('203.0.113.7:4711')), '203.0.113.7', 'with a port')
    t.equal(await clientOf(from('[2001:db8::7]:4711')), '2001:db8::7')
    t.equal(await clientOf(from('::ffff:203.0.113.7')), '203.0.113.7')
    t.equal(await clientOf(from('10.1.2.3, 10.4.5.6')), '10.1.2.3', 'all of them are: the first')
    t.equal(await clientOf([]), proxy, 'none is named')
  })

  t.test('and not who a client says that it is', async (t) => {
    t.equal(await clientOf(from('198.51.100.1, 203.0.113.7')), '203.0.113.7')
    t.equal(await clientOf(from('10.1.2.3, 203.0.113.7')), '203.0.113.7', 'nor one of ours')
    t.equal(await clientOf(from('<script>, 203.0.113.7')), '203.0.113.7')
    t.equal(
      await clientOf(from('198.51.100.1'), '127.0.0.1'),
      '127.0.0.1',
      'straight, it is believed nothing',
    )
    t.equal(
      await clientOf([
        ['Forwarded', 'for=198.51.100.1'],
        ['X-Real-IP', '198.51.100.1'],
      ]),
      proxy,
    )
  })

  t.test('what is no address is not believed', async (t) => {
    for (const list of [
      'unknown',
      '',
      ',',
      '203.0.113.7,',
      '203.0.113.999',
      '203.0.113.7 x',
      '"203.0.113.7"',
      '_x',
      'garbage, 10.1.2.3',
    ])
      t.equal(await clientOf(from(list)), proxy, JSON.stringify(list))
  })

  t.test('one client of it leaves room for the next', async (t) => {
    const held = [
      ...(await holdMany(t, 40, port, signed(door, 'big', from('203.0.113.7')), proxy)),
      ...(await holdMany(t, 40, port, signed(door.second, 'big', from('203.0.113.7')), proxy)),
    ]
    t.ok(served(held) <= 30, `${served(held)} of 40`)
    const small = await door.link('small')
    const asked = (client: string) => ask(door, unsigned(small, from(client)), proxy)
    t.equal((await asked('203.0.113.8')).status, 200)
    letGo(held)
    await idle(door)
  })
})

t.test('a listing that nobody takes holds its place', async (t) => {
  const door = await scene(t, ['--workers', '1', '--max-requests', '8', '--least-rate-time', '1s'])
  // As long as names can be, and five times as long in XML: 5 MB a page.
  const segment = '&'.repeat(240)
  const deep = join(door.root, segment, segment, segment)
  mkdirSync(deep, { recursive: true })
  for (let i = 0; i < 1000; i++) writeFileSync(join(deep, segment + String(i)), '')
  const { target, headers } = sign(door, { query: { 'list-type': '2' } })
  const listing = request('GET', target, Object.entries(headers))
  const held = await holdMany(t, 8, door.port, listing)
  t.equal(served(held), 4, 'half of the places')
  t.equal(await door.metric('twofold_s3_requests_in_flight'), 4)
  t.equal((await ask(door, signed(door.second, 'small'))).status, 200)
  t.ok(
    (await receive(held.find(({ status }) => status === 200)!.socket)) > 3 * mebibyte,
    'one that is read comes whole',
  )
  t.equal(await door.metric('twofold_s3_requests_in_flight'), 3)
  // The others give way.
  await until(async () => (await ask(door, listing)).status === 200)
  letGo(held)
  await idle(door)
})

/** Reads on to the end of a connection: the bytes. */
async function receive(socket: Socket): Promise<number> {
  let bytes = 0
  socket.on('data', (chunk: Buffer) => (bytes += chunk.length))
  socket.resume()
  if (!socket.closed) await once(socket, 'close')
  return bytes
}
