import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import type { Handle, Service } from '../../../daemon/http/pipeline.ts'
import { textReply } from '../../../daemon/http/reply.ts'
import { parsePayload } from '../../../lib/auth/sigv4-payload.ts'
import { createLog } from '../../../lib/log.ts'
import { ObjectBody } from '../../../daemon/s3/object-body.ts'
import { exchange } from '../../fixtures/raw-http.ts'
import { serving } from '../../fixtures/serving.ts'

const service: Service = {
  log: createLog({ level: 'error', format: 'json' }),
  crowd: null,
  counted: false,
  always: {},
  fields: ({ id }) => ({ 'x-request-id': id }),
  failure: (fault) => textReply(fault.status, 'text/plain', fault.code),
  record: () => {},
}

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const echo: Handle = async ({ body }) => {
  const bytes = await body.bytes(1 << 20)
  return textReply(200, 'text/plain', `${body.declaredLength} ${bytes.length} ${digest(bytes)}`)
}
const head = (method: string, ...fields: string[]) =>
  [`${method} / HTTP/1.1`, 'Host: x', ...fields, '', ''].join('\r\n')
const close = 'Connection: close'

t.test('a body that was read to its end leaves the connection to the next request', async (t) => {
  const port = await serving(t, service, echo)
  const none = digest(Buffer.alloc(0))
  const { text } = await exchange(
    port,
    [
      head('GET'),
      head('PUT', 'Content-Length: 5') + 'hello',
      head('PUT', 'Transfer-Encoding: chunked') + '3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n',
      head('PUT', 'Content-Length: 0'),
      head('PUT', 'Transfer-Encoding: chunked', close) + '0\r\n\r\n',
    ],
    { untilClose: true },
  )
  t.same(text.match(/^(?:\d+|undefined) \d+ \w{64}/gm), [
    `0 0 ${none}`,
    `5 5 ${digest(Buffer.from('hello'))}`,
    `undefined 5 ${digest(Buffer.from('hello'))}`,
    `0 0 ${none}`,
    `undefined 0 ${none}`,
  ])
})

t.test('a body that nobody reads, or not to its end, ends the connection behind the answer', async (t) => {
  const unread = await serving(t, service, () => textReply(200, 'text/plain', 'no need'))
  const begun = await serving(t, service, async ({ body }) => {
    for await (const piece of body.pieces()) return textReply(200, 'text/plain', `began with ${piece.length}`)
    return textReply(200, 'text/plain', 'nothing')
  })
  for (const [port, answer] of [
    [unread, /no need$/],
    [begun, /began with \d+$/],
  ] as const) {
    const { text } = await exchange(
      port,
      [head('PUT', 'Content-Length: 200000') + 'x'.repeat(200_000), head('GET')],
      { untilClose: true },
    )
    t.equal(text.match(/HTTP\/1\.1 /g)?.length, 1, 'what comes behind is not answered')
    t.match(text, /\r\nConnection: close\r\n/)
    t.match(text, answer)
  }
})

t.test(
  'a client that waits to be told is told to go on when its body is wanted, and only then',
  async (t) => {
    const reading = await serving(t, service, echo)
    const wanted = await exchange(
      reading,
      [head('PUT', 'Content-Length: 5', 'Expect: 100-continue', close), 'hello'],
      {
        untilClose: true,
      },
    )
    t.match(wanted.text, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 [^]*\n5 5 /)
    const refusing = await serving(t, service, () => textReply(403, 'text/plain', 'no'))
    const refused = await exchange(refusing, [head('PUT', 'Content-Length: 5', 'Expect: 100-continue')], {
      untilClose: true,
    })
    t.match(refused.text, /^HTTP\/1\.1 403 [^]*\r\nConnection: close\r\n[^]*\nno$/)
    const other = await exchange(reading, [head('PUT', 'Content-Length: 5', 'Expect: wonders')], {
      untilClose: true,
    })
    t.match(other.text, /^HTTP\/1\.1 417 [^]*\nExpectationFailed$/)
  },
)

t.test('a body beyond the limit is refused, by what it announces or by what comes', async (t) => {
  const port = await serving(t, service, async ({ body }) =>
    textReply(200, 'text/plain', `${await body.bytes(10)}`),
  )
  for (const request of [
    head('PUT', 'Content-Length: 11') + 'x'.repeat(11),
    head('PUT', 'Transfer-Encoding: chunked') + `b\r\n${'x'.repeat(11)}\r\n0\r\n\r\n`,
  ])
    t.match(
      (await exchange(port, [request], { untilClose: true })).text,
      /^HTTP\/1\.1 413 [^]*EntityTooLarge$/,
    )
  const fits = await exchange(port, [head('PUT', 'Content-Length: 10', close) + 'x'.repeat(10)], {
    untilClose: true,
  })
  t.match(fits.text, /x{10}$/)
})

t.test('a client that leaves in the middle of its body is known to have left', async (t) => {
  let told: ((fault: unknown) => void) | undefined
  const heard = new Promise<unknown>((resolve) => (told = resolve))
  const port = await serving(t, service, async ({ body }) => {
    try {
      await body.bytes(1000)
    } catch (thrown) {
      told?.(thrown)
      throw thrown
    }
    return textReply(200, 'text/plain', 'whole')
  })
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(head('PUT', 'Content-Length: 100') + 'some', () => socket.destroy())
  t.match(await heard, { code: 'IncompleteBody' })
})

t.test("an S3 body's length is the object's, whatever coding it comes in", async (t) => {
  const lengths = await serving(t, service, (asked) => {
    const payload = parsePayload(asked.headers.get('x-amz-content-sha256') ?? '')
    const body = new ObjectBody(asked.body, asked.headers, payload)
    return textReply(200, 'text/plain', `${body.payload.kind} ${body.declaredLength}`)
  })
  const ask = async (fields: readonly string[], bytes: string) =>
    (await exchange(lengths, [head('PUT', ...fields) + bytes], { untilClose: true })).text
  const unsigned = 'x-amz-content-sha256: UNSIGNED-PAYLOAD'
  const streaming = 'x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER'
  const chunked = 'Transfer-Encoding: chunked'
  t.match(await ask([unsigned, 'Content-Length: 7'], '7 bytes'), /unsigned 7$/)
  t.match(await ask([unsigned, chunked], '0\r\n\r\n'), /MissingContentLength$/)
  t.match(await ask([streaming, chunked, 'x-amz-decoded-content-length: 66'], '0\r\n\r\n'), /streaming 66$/)
  t.match(await ask([streaming, 'Content-Length: 7'], '7 bytes'), /MissingContentLength$/)
  t.match(
    await ask([streaming, 'Content-Length: 7', 'x-amz-decoded-content-length: -1'], '7 bytes'),
    /InvalidArgument$/,
  )
})
