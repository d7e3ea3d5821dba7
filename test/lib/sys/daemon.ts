/** The system calls that a daemon needs: sockets that are only held, locks, and what /proc tells. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { errno } from '../../../lib/sys/errno.ts'
import { portHolder } from '../../../lib/sys/listeners.ts'
import { lockFile } from '../../../lib/sys/lock.ts'
import { mountTable } from '../../../lib/sys/mountinfo.ts'
import { close } from '../../../lib/sys/open.ts'
import { describeListening, listenTcp, sendDatagram } from '../../../lib/sys/socket.ts'

t.test('a socket that listens can be handed to a server', async (t) => {
  for (const host of ['127.0.0.1', '::1']) {
    const fd = listenTcp(host, 0, 16)
    if (host === '::1' && (fd === -errno.EADDRNOTAVAIL || fd === -errno.EAFNOSUPPORT)) {
      t.pass('this machine has no IPv6')
      continue
    }
    t.ok(fd > 2)
    const listening = describeListening(fd)
    if (listening?.family !== 'tcp') return t.fail('it listens')
    t.equal(listening.host, host)
    t.ok(listening.port > 0)
    t.equal(listenTcp(host, listening.port, 16), -errno.EADDRINUSE)

    // Nobody has accepted yet: the connection waits in the backlog.
    const client = connect(listening.port, host)
    await once(client, 'connect')
    const server = createServer((socket) => socket.end('served'))
    server.listen({ fd })
    t.equal(String((await once(client, 'data'))[0]), 'served')
    server.close()
  }
})

t.test('what does not listen is not taken for a listening socket', async (t) => {
  const file = openSync('/dev/null', 'r')
  t.equal(describeListening(file), undefined)
  closeSync(file)
  t.equal(describeListening(9999), undefined)
  // Not t.testdir, which lies in the checkout: the path of a unix socket has at most 107 bytes.
  const short = mkdtempSync(join(tmpdir(), 'twofold-'))
  t.teardown(() => rmSync(short, { recursive: true }))
  const server = createServer().listen({ path: join(short, 's') })
  await once(server, 'listening')
  t.same(describeListening((server as unknown as { _handle: { fd: number } })._handle.fd), { family: 'unix' })
  server.close()
})

t.test('addresses in all their spellings', async (t) => {
  t.equal(listenTcp('192.0.2.1', 0, 1), -errno.EADDRNOTAVAIL)
  const mapped = listenTcp('::ffff:127.0.0.1', 0, 1)
  t.ok(mapped > 0 || [-errno.EADDRNOTAVAIL, -errno.EINVAL, -errno.EAFNOSUPPORT].includes(mapped))
  if (mapped > 0) close(mapped)
  t.throws(() => listenTcp('localhost', 0, 1), RangeError)
})

t.test('a datagram to nobody says so', async (t) => {
  t.equal(sendDatagram(join(t.testdir({}), 'none'), Buffer.from('x')), -errno.ENOENT)
  t.equal(sendDatagram(`/${'x'.repeat(200)}`, Buffer.from('x')), -errno.ENAMETOOLONG)
  t.equal(sendDatagram('@twofold-test-nobody', Buffer.from('x')), -errno.ECONNREFUSED)
})

t.test('the holder of a port is found', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  t.match(portHolder(port), new RegExp(`\\(pid ${process.pid}\\)$`))
  server.close()
  await once(server, 'close')
  t.equal(portHolder(port), undefined)
})

t.test('a lock is held by its process and by those that inherit it', async (t) => {
  const file = join(t.testdir({}), 'lock')
  writeFileSync(file, '12345678901234\n')
  const lock = lockFile(file)
  if (!lock.held) return t.fail('it is free')
  t.equal(readFileSync(file, 'utf8'), `${process.pid}\n`)
  t.same(lockFile(file), { held: false, pid: process.pid })
  const child = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', lock.fd] })
  lock.release()
  lock.release()
  t.same(lockFile(file), { held: false, pid: process.pid }, 'the child holds it')
  child.kill('SIGKILL')
  await once(child, 'exit')
  const again = lockFile(file)
  t.ok(again.held)
  if (again.held) again.release()
})

t.test('mount points come back with the bytes that the kernel escapes', async (t) => {
  const text =
    '36 35 98:0 /mnt1 /mnt/with\\040space\\134x rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n' +
    '37 35 0:44 / /mnt/\xc3\xa9 ro,nosuid - fuse.twofold twofold:photos rw,user_id=4001,group_id=0\n'
  t.same(mountTable(text), [
    {
      id: 36,
      parent: 35,
      device: '98:0',
      root: '/mnt1',
      mountpoint: '/mnt/with space\\x',
      type: 'ext3',
      source: '/dev/root',
      readOnly: false,
      fuseUser: undefined,
      fuseGroupAlone: undefined,
    },
    {
      id: 37,
      parent: 35,
      device: '0:44',
      root: '/',
      mountpoint: '/mnt/é',
      type: 'fuse.twofold',
      source: 'twofold:photos',
      readOnly: true,
      fuseUser: 4001,
      fuseGroupAlone: 0,
    },
  ])
  t.ok(mountTable().some(({ mountpoint }) => mountpoint === '/proc'))
})
