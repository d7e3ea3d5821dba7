import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { adopted } from '../../fixtures/disk.ts'
import { openDoor, type OpenDoor } from '../../fixtures/door.ts'
import { sign, type S3Request } from '../../fixtures/s3.ts'

const small = Buffer.alloc(1000, 'small ')
const middle = Buffer.alloc(12_000, 'middle ')
const large = Buffer.alloc(3_000_000, 'large body, ')

async function door(t: Test): Promise<OpenDoor> {
  const opened = await openDoor(
    adopted(t.testdir({ 'small.bin': small, 'middle.bin': middle, 'large.bin': large, 'none.bin': '' })),
  )
  t.teardown(() => opened.close())
  return opened
}

/** A signed request as text. */
function text(opened: OpenDoor, asked: S3Request, version = '1.1', more = ''): string {
  const { method, target, headers } = sign(opened, asked)
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${target} HTTP/${version}\r\n${lines.join('')}${more}\r\n`
}

interface Seen {
  readonly head: string
  readonly body: Buffer
}

/** The answers in `bytes`, which must be nothing but whole answers; `bare` are those of HEAD requests. */
function answersIn(bytes: Buffer, bare: ReadonlySet<number> = new Set()): Seen[] {
  const seen: Seen[] = []
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf('\r\n\r\n', at)
    const head = bytes.toString('latin1', at, end)
    if (end < 0 || !head.startsWith('HTTP/1.1 ')) throw new Error(`no answer at ${at}: ${head.slice(0, 100)}`)
    const length = bare.has(seen.length) ? 0 : Number(/^Content-Length: (\d+)$/im.exec(head)?.[1] ?? 0)
    if (end + 4 + length > bytes.length) throw new Error(`an answer is cut short: ${head}`)
    seen.push({ head, body: bytes.subarray(end + 4, end + 4 + length) })
    at = end + 4 + length
  }
  return seen
}

/** All bytes until the end. */
async function received(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const open = async ({ port }: OpenDoor): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

/** The answers to these bytes, sent in one piece by a client that then waits for the end. */
async function ask(opened: OpenDoor, bytes: string, bare?: ReadonlySet<number>): Promise<Seen[]> {
  const socket = await open(opened)
  socket.write(bytes)
  return answersIn(await received(socket), bare)
}

const names = ({ head }: Seen) => head.split('\r\n').map((line, i) => (i === 0 ? line : line.split(':')[0]))
/** A body without the ids that an error names. */
const plain = ({ body }: Seen) => body.toString('latin1').replace(/<(RequestId|HostId)>[^<]+/g, '')
const close = 'Connection: close\r\n'

t.test('an answer that we wrote looks like one that Node wrote', async (t) => {
  const opened = await door(t)
  for (const asked of [
    { key: 'small.bin' },
    { key: 'large.bin' },
    { key: 'small.bin', headers: { range: 'bytes=1-2' } },
    { key: 'none.bin' },
    { key: 'missing' },
    { query: { 'list-type': '2' } },
  ]) {
    // Only the first is at the head of the line, and so ours; HTTP/1.0 asks for what 1.1 takes for granted.
    const [ours, nodes, ...more] = await ask(
      opened,
      text(opened, asked) +
        text(opened, asked) +
        text(opened, asked, '1.0', 'Connection: keep-alive\r\n') +
        text(opened, asked, '1.1', close),
    )
    t.same(names(nodes!), names(ours!), JSON.stringify(asked))
    t.same(plain(ours!), plain(nodes!))
    t.equal(more.length, 2)
    t.same(names(more[0]!), names(ours!))
    t.match(ours!.head, /\r\nDate: .* GMT\r\nConnection: keep-alive\r\nKeep-Alive: timeout=75$/)
    t.match(more[1]!.head, /\r\nConnection: close$/)
  }
})

t.test('pipelined requests are answered in their order, each whole', async (t) => {
  const opened = await door(t)
  const bare = new Set<number>()
  const expected: (Buffer | undefined)[] = []
  let bytes = ''
  for (let i = 0; i < 200; i++) {
    const kind = i % 5
    if (kind === 3) bare.add(i)
    expected.push([small, undefined, middle, Buffer.alloc(0), i % 50 === 4 ? large : small][kind])
    bytes += text(
      opened,
      kind === 1
        ? { query: { 'list-type': '2' } }
        : kind === 3
          ? { key: 'small.bin', method: 'HEAD' }
          : { key: kind === 2 ? 'middle.bin' : i % 50 === 4 ? 'large.bin' : 'small.bin' },
      '1.1',
      i === 199 ? close : '',
    )
  }
  const seen = await ask(opened, bytes, bare)
  t.equal(seen.length, 200)
  for (const [i, { head, body }] of seen.entries()) {
    const wanted = expected[i]
    if (!head.startsWith('HTTP/1.1 200 ')) t.fail(head)
    if (wanted === undefined) t.match(body.toString(), /<ListBucketResult/)
    else if (!body.equals(wanted)) t.fail(`answer ${i} has another body`)
  }
})

t.test('a client that asks on and reads late gets every byte', async (t) => {
  const opened = await door(t)
  const socket = await open(opened)
  socket.pause()
  const request = text(opened, { key: 'middle.bin' })
  // One after the other, until the door's socket is full in the middle of an answer and then waits.
  let asked = 0
  for (let waited = 0; waited < 100;) {
    socket.write(request)
    asked++
    for (waited = 0; opened.log.length < asked && waited < 100; waited++) await sleep(1)
  }
  socket.resume()
  socket.write(text(opened, { key: 'middle.bin' }, '1.1', close))
  const seen = answersIn(await received(socket))
  t.equal(seen.length, asked + 1)
  t.ok(seen.every(({ body }) => body.equals(middle)))
})

t.test('what is no request behind a request does not cut its answer', async (t) => {
  const opened = await door(t)
  for (const [key, body] of [
    ['small.bin', small],
    ['middle.bin', middle],
  ] as const) {
    const seen = await ask(opened, `${text(opened, { key })}\0\0 nonsense\r\n\r\n`)
    t.same(seen[0]!.body, body)
    t.equal(seen.length, 1)
  }
})

t.test('a client that has nothing more to say still gets its answer', async (t) => {
  const opened = await door(t)
  const socket = connect({ port: opened.port, host: '127.0.0.1', allowHalfOpen: true })
  socket.end(text(opened, { key: 'small.bin' }))
  const [answer] = answersIn(await received(socket))
  t.same(answer!.body, small)
  socket.end()
})

t.test('an expectation is not left hanging', async (t) => {
  const opened = await door(t)
  const [answer] = await ask(
    opened,
    text(opened, { key: 'small.bin' }, '1.1', 'Expect: 100-continue\r\nContent-Length: 0\r\n'),
  )
  t.same(answer!.body, small)
  t.match(answer!.head, /\r\nConnection: close$/)
})

t.test('a client that leaves in the middle leaves nothing behind', async (t) => {
  const opened = await door(t)
  for (let i = 0; i < 20; i++) {
    const socket = await open(opened)
    socket.write(text(opened, { key: i % 2 === 0 ? 'small.bin' : 'large.bin' }).repeat(3))
    await once(socket, 'data')
    socket.destroy()
  }
  const left = () =>
    new Promise<number>((resolve) => opened.server.getConnections((_error, count) => resolve(count)))
  while ((await left()) > 0) await sleep(10)
  const [answer] = await ask(opened, text(opened, { key: 'small.bin' }, '1.1', close))
  t.same(answer!.body, small)
})
