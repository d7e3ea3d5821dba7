import { connect, isIP } from 'node:net'
import t, { type Test } from 'tap'
import { forwardedAddress, networkOf, trustedBy } from '../../../daemon/http/client-address.ts'
import { Crowd, noShares, NoCount } from '../../../daemon/http/crowd.ts'
import { Holders, type Holder } from '../../../daemon/http/places.ts'
import type { Handle, Service } from '../../../daemon/http/pipeline.ts'
import { textReply } from '../../../daemon/http/reply.ts'
import { createLog } from '../../../lib/log.ts'
import { serving } from '../../fixtures/serving.ts'

/** Takes for `name` what it can get of `most` places, of which `taken` are: how many it got. */
function takeAll(holders: Holders, name: string, most: number, taken: number): number {
  let got = 0
  for (; taken + got < most; got++) {
    const holder = holders.of(name)
    if (!holders.mayTake(holder, most - taken - got)) break
    holder.held++
  }
  return got
}

t.test('whoever takes all that he can get, one after the other, leaves places to the next', async (t) => {
  for (const most of [1024, 4096]) {
    for (const share of [1, 10, 33, 50, 75, 87, 90, 99]) {
      const holders = new Holders(share, most)
      let taken = takeAll(holders, '0', most, 0)
      const alone = Math.min(share / 100, 7 / 8) * most
      t.ok(Math.abs(taken - alone) <= Math.max(1, most / 128), `${share} % of ${most} is ${taken}`)
      for (let i = 1; i < 12; i++) {
        const got = takeAll(holders, String(i), most, taken)
        t.ok(got >= Math.max(1, Math.floor(most / 128)) && got <= alone + 1, `${i} others: ${got}`)
        taken += got
      }
      t.ok(taken < most, `${most - taken} of ${most} are left`)
    }
  }
})

t.test('one place is one, and no limit is none', async (t) => {
  t.equal(takeAll(new Holders(1, 1), 'a', 1, 0), 1)
  t.equal(takeAll(new Holders(50, 2), 'a', 2, 0), 1)
  t.equal(takeAll(new Holders(100, 40), 'a', 40, 0), 40)
  t.equal(takeAll(new Holders(100, 40), 'a', 40, 39), 1)
})

t.test('those who have left are forgotten, those who hold a place are not', async (t) => {
  const holders = new Holders(50, 1024)
  const kept: Holder[] = []
  for (let i = 0; i < 20_000; i++) {
    const holder = holders.of(`client ${i}`)
    if (i % 100 === 0) {
      holder.held++
      kept.push(holder)
    }
  }
  t.equal(kept.length, 200)
  t.ok(kept.every((holder) => holders.of(holder.name) === holder))
  t.ok(holders.remembered <= 4096, `${holders.remembered} are remembered`)
})

t.test('an IPv6 client is its network, however it writes it', async (t) => {
  for (const [address, network] of [
    ['192.0.2.1', '192.0.2.1'],
    ['', ''],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::9', '2001:db8:1:2::/64'],
    ['2001:db8::9', '2001:db8:0:0::/64'],
    ['2001:db8:1:2:3::', '2001:db8:1:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['1:2:3:4:5:6:192.0.2.1', '1:2:3:4::/64'],
  ] as const)
    t.equal(networkOf(address), network, address)
})

t.test('whatever the header holds, the client is an address that a trusted proxy wrote', async (t) => {
  const trusted = trustedBy(['10.0.0.0/8', 'fd00::/8'])
  const pieces = [
    '10.1.2.3',
    '203.0.113.7',
    'fd00::1',
    '2001:db8::1',
    '[2001:db8::1]:80',
    '203.0.113.7:80',
    '',
    ' ',
    ',',
    '%',
    'unknown',
    '1',
    ':',
    '[',
    '::ffff:10.1.2.3',
    '\t',
    '"',
    'fe80::1%eth0',
  ]
  let random = 1
  const next = (below: number) => (random = (random * 48271) % 2147483647) % below
  for (let i = 0; i < 20_000; i++) {
    const parts = Array.from({ length: next(6) }, () => pieces[next(pieces.length)]!)
    const list = parts.join(next(3) === 0 ? ',' : ', ')
    const client = forwardedAddress('10.9.9.9', list, trusted)
    if (isIP(client) === 0) t.fail(`${JSON.stringify(list)} gave ${client}`)
    // What stands before the last one that isn't trusted says nothing.
    if (!trusted(client)) {
      const again = forwardedAddress('10.9.9.9', `198.51.100.9, ${list}`, trusted)
      if (again !== client)
        t.fail(`${JSON.stringify(list)} gave ${client}, and with another before it ${again}`)
    }
  }
  const long = `${'10.1.1.1,'.repeat(100_000)}10.1.1.1`
  t.equal(forwardedAddress('10.9.9.9', long, trusted), '10.1.1.1')
})

/** A server with two places, where a slow client is one that moves less than 1 KiB/s over 200 ms; its port. */
async function few(t: Test, handle: Handle): Promise<number> {
  const limits = { ...noShares, maxRequests: 2, maxConnections: 100, leastRate: 1024, leastRateTime: 200 }
  const service: Service = {
    log: createLog({ level: 'error', format: 'json' }),
    crowd: new Crowd(limits, new NoCount()),
    counted: true,
    always: {},
    fields: () => ({}),
    failure: (fault) => textReply(fault.status, 'text/plain', fault.code),
    record: () => {},
  }
  return serving(t, service, handle)
}

/** The first line of what is answered; '' where the connection is broken off. */
async function answerTo(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(text)
  const line = await new Promise<string>((resolve) => {
    socket.once('data', (chunk: Buffer) => resolve(chunk.toString('latin1').split('\r\n')[0] ?? ''))
    socket.once('close', () => resolve(''))
  })
  socket.destroy()
  return line
}

t.test('who sends a body slowly makes room for who wants to come', async (t) => {
  const port = await few(t, async ({ body }) =>
    textReply(200, 'text/plain', String((await body.bytes(1 << 20)).length)),
  )
  const head = 'PUT / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: '
  const dribble = (bytes: number, every: number) => {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.setEncoding('latin1').on('data', (text: string) => (answer += text))
    socket.on('error', () => {})
    socket.write(`${head}${40 * bytes}\r\n\r\n`)
    let sent = 0
    const timer = setInterval(() => {
      if (sent++ < 40) socket.write('x'.repeat(bytes))
    }, every)
    t.teardown(() => clearInterval(timer))
    return { ended: new Promise<string>((resolve) => socket.once('close', () => resolve(answer))) }
  }
  const steady = dribble(1024, 50)
  const slow = dribble(1, 50)
  // As one of them goes, the next has its place.
  while ((await answerTo(port, `${head}1\r\n\r\nx`)) !== 'HTTP/1.1 200 OK')
    await new Promise((r) => setTimeout(r, 50))
  t.equal(await slow.ended, '', 'the slow one was broken off')
  t.match(await steady.ended, /^HTTP\/1\.1 200 [^]*40960$/, 'the steady one was not')
})

t.test('a request that takes its time is not its client’s fault', async (t) => {
  let release = () => {}
  const port = await few(t, async ({ body, url }) => {
    await body.bytes(1 << 20)
    if (url === '/slow') await new Promise<void>((resolve) => (release = resolve))
    return textReply(200, 'text/plain', 'done')
  })
  const ask = (path: string) =>
    answerTo(port, `PUT ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello`)
  const working = ask('/slow')
  const other = ask('/slow')
  const refused = async () => (await ask('/')).startsWith('HTTP/1.1 503')
  for (const until = Date.now() + 1000; Date.now() < until;) t.ok(await refused())
  release()
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(await Promise.race([working, other]), 'HTTP/1.1 200 OK')
})
