import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { FALLOC, SEEK } from '../../../lib/sys/file.ts'
import { F } from '../../../lib/sys/lock.ts'
import { O, RENAME } from '../../../lib/sys/open.ts'
import { kernelEngine } from '../../../mount/kernel/engine.ts'
import { Reply, Request } from '../../../mount/kernel/protocol/codec.ts'
import { describeOpenFlags } from '../../../mount/kernel/protocol/describe.ts'
import { FOPEN, INIT, LK, RELEASE } from '../../../mount/kernel/protocol/flags.ts'
import { OPCODE, type OpcodeName } from '../../../mount/kernel/protocol/opcode-numbers.ts'
import * as layout from '../../../mount/kernel/protocol/structs.ts'
import type { Struct } from '../../../mount/kernel/protocol/wire.ts'
import { traceReply, traceRequest } from '../../../mount/kernel/trace.ts'

const request = new Request(4096)

/** The line of a request that holds those parts, from behind its `pid=3`. */
function line(name: OpcodeName, ...parts: (Buffer | string)[]): string {
  const bytes = Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\0`) : part)),
  )
  const len = 40 + bytes.length
  const header = {
    len,
    opcode: OPCODE[name],
    unique: 77n,
    nodeid: 5,
    uid: 1,
    gid: 2,
    pid: 3,
    total_extlen: 0,
  }
  layout.inHeader.write(request.view, 0, header)
  request.bytes.set(bytes, 40)
  request.open(len)
  const start = `→ 77 ${name} node=5 uid=1 gid=2 pid=3`
  const traced = traceRequest(request)
  return traced.startsWith(start) ? traced.slice(start.length).trim() : traced
}

/** A struct's bytes; what isn't named is 0. */
function bytesOf<T>(struct: Struct<T>, value: Partial<T>): Buffer {
  const view = new DataView(new ArrayBuffer(struct.size))
  const zero = struct.read(view, 0)
  struct.write(view, 0, { ...zero, ...value })
  return Buffer.from(view.buffer)
}

t.test('a request is a line with the names that it is about', async (t) => {
  t.equal(line('LOOKUP', 'foo'), '"foo"')
  t.equal(line('RENAME', bytesOf(layout.renameIn, { newdir: 9 }), 'a b', 'c'), 'newdir=9 "a b" "c"')
  t.equal(line('OPEN', Buffer.alloc(3)), '(too short)')
})

t.test('flags of open(2) are shown by name, the way of access first', async (t) => {
  t.equal(describeOpenFlags(0), 'O_RDONLY')
  t.equal(describeOpenFlags(O.WRONLY), 'O_WRONLY')
  t.equal(describeOpenFlags(O.ACCMODE), 'O_ACCMODE')
  t.equal(describeOpenFlags(O.RDWR | O.APPEND), 'O_RDWR|O_APPEND')
  t.equal(describeOpenFlags(O.SYNC), 'O_RDONLY|O_SYNC', 'which O_DSYNC is a part of')
  t.equal(describeOpenFlags(O.WRONLY | O.DSYNC), 'O_WRONLY|O_DSYNC')
  t.equal(describeOpenFlags(O.TMPFILE | O.RDWR), 'O_RDWR|O_TMPFILE')
  t.equal(describeOpenFlags(O.DIRECTORY | 0x40000000), 'O_RDONLY|O_DIRECTORY|0x40000000')
})

t.test('each request that carries them shows them, O_RDONLY too', async (t) => {
  t.equal(line('OPEN', bytesOf(layout.openIn, {})), 'flags=O_RDONLY')
  const flags = O.RDWR | O.APPEND
  const shown = 'flags=O_RDWR|O_APPEND'
  t.equal(line('OPEN', bytesOf(layout.openIn, { flags, open_flags: 1 })), `${shown} open_flags=KILL_SUIDGID`)
  const created = bytesOf(layout.createIn, { flags, mode: 0o100644, umask: 0o22 })
  t.equal(line('CREATE', created, 'new'), `${shown} mode=0100644 umask=022 "new"`)
  t.equal(line('TMPFILE', created, 'x'), `${shown} mode=0100644 umask=022 "x"`)
  t.equal(line('READ', bytesOf(layout.readIn, { fh: 7, size: 4096, flags })), `fh=7 size=4096 ${shown}`)
  t.equal(line('WRITE', bytesOf(layout.writeIn, { fh: 7, flags })), `fh=7 ${shown}`)
  const release_flags = RELEASE.FLUSH | RELEASE.FLOCK_UNLOCK
  t.equal(
    line('RELEASE', bytesOf(layout.releaseIn, { fh: 7, flags, release_flags })),
    `fh=7 ${shown} release_flags=FLUSH|FLOCK_UNLOCK`,
  )
  const directory = 'flags=O_RDONLY|O_DIRECTORY'
  t.equal(line('OPENDIR', bytesOf(layout.openIn, { flags: O.DIRECTORY })), directory)
  for (const name of ['READDIR', 'READDIRPLUS'] as const)
    t.equal(line(name, bytesOf(layout.readdirIn, { fh: 7, flags: O.DIRECTORY })), `fh=7 ${directory}`)
  t.equal(line('RELEASEDIR', bytesOf(layout.releaseIn, { fh: 7, flags: O.DIRECTORY })), `fh=7 ${directory}`)
})

t.test('other flags and choices are shown by name too', async (t) => {
  const rename = bytesOf(layout.rename2In, { newdir: 1, flags: RENAME.NOREPLACE })
  t.equal(line('RENAME2', rename, 'a', 'b'), 'newdir=1 flags=RENAME_NOREPLACE "a" "b"')
  const mode = FALLOC.KEEP_SIZE | FALLOC.PUNCH_HOLE
  t.equal(
    line('FALLOCATE', bytesOf(layout.fallocateIn, { fh: 7, length: 9, mode })),
    'fh=7 length=9 mode=FALLOC_FL_KEEP_SIZE|FALLOC_FL_PUNCH_HOLE',
  )
  t.equal(line('ACCESS', bytesOf(layout.accessIn, { mask: 6 })), 'mask=R_OK|W_OK')
  const xattr = bytesOf(layout.setxattrIn, { size: 1, flags: 1, setxattr_flags: 1 })
  t.equal(
    line('SETXATTR', xattr, 'user.a', 'v'),
    'size=1 flags=XATTR_CREATE setxattr_flags=ACL_KILL_SGID "user.a"',
  )
  const seek = bytesOf(layout.lseekIn, { fh: 7, whence: SEEK.HOLE })
  t.equal(line('LSEEK', seek), 'fh=7 whence=SEEK_HOLE')
  t.equal(line('FSYNC', bytesOf(layout.fsyncIn, { fh: 7, fsync_flags: 1 })), 'fh=7 fsync_flags=FDATASYNC')
  const lk = { start: 0n, end: 9n, type: F.RDLCK, pid: 3 }
  t.equal(
    line('SETLK', bytesOf(layout.lkIn, { fh: 7, lk, lk_flags: LK.FLOCK })),
    'fh=7 lk={end=0x9 type=F_RDLCK pid=3} lk_flags=FLOCK',
  )
  t.equal(line('GETATTR', bytesOf(layout.getattrIn, { getattr_flags: 1 })), 'getattr_flags=FH')
  const offer = { major: 7, minor: 45, flags: INIT.ASYNC_READ | INIT.INIT_EXT }
  t.equal(
    line('INIT', bytesOf(layout.initIn, offer), bytesOf(layout.initInExt, { flags2: 1 << 5 })),
    'major=7 minor=45 flags=ASYNC_READ|INIT_EXT flags2=PASSTHROUGH',
  )
})

t.test('an answer is a line with its struct, its length or its errno', async (t) => {
  const reply = new Reply(4096)
  line('OPEN', bytesOf(layout.openIn, {}))
  const length = reply.put(layout.openOut, { fh: 7, open_flags: FOPEN.NOFLUSH, backing_id: 0 })
  t.equal(traceReply(request, reply, length, 21_400), '← 77 OPEN fh=7 open_flags=NOFLUSH 21 µs')
  t.equal(traceReply(request, reply, -2, 3000), '← 77 OPEN ENOENT 3 µs')
  line('READ', bytesOf(layout.readIn, {}))
  t.equal(traceReply(request, reply, 5, 3000), '← 77 READ 5 bytes 3 µs')
})

const reason = kernelEngine.unavailable() ?? (process.getuid?.() === 0 ? null : 'mounting here needs root')

t.test('a mount whose trace is on says how a program opened a file', { skip: reason ?? false }, async (t) => {
  const directory = t.testdir({ root: { file: '' }, mount: {} })
  const mount = join(directory, 'mount')
  const askingMount = fileURLToPath(new URL('../../fixtures/asking-mount.js', import.meta.url))
  const child = fork(askingMount, [join(directory, 'root'), mount, 'trace'], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { PATH: process.env['PATH'] ?? '' },
  })
  const ended = once(child, 'exit')
  try {
    const wanted = [
      /→ \d+ INIT .*flags=\S*ASYNC_READ/,
      /→ \d+ CREATE .* flags=O_WRONLY\|\S* mode=0100666 .*"new"/,
      /→ \d+ OPEN .* flags=O_RDWR\|O_APPEND\|O_DSYNC/,
      /→ \d+ OPEN .* flags=O_RDONLY/,
    ]
    const seen = new Promise<void>((resolve) => {
      if (child.stderr === null) return
      createInterface(child.stderr).on('line', (text) => {
        if (wanted[0]?.test(text)) wanted.shift()
        if (wanted.length === 0) resolve()
      })
    })
    await once(child, 'message')
    writeFileSync(join(mount, 'new'), 'x')
    closeSync(openSync(join(mount, 'file'), O.RDWR | O.APPEND | O.DSYNC))
    readFileSync(join(mount, 'file'))
    await Promise.race([seen, pause(20_000, undefined, { ref: false })])
    t.same(wanted, [], 'each in its turn')
  } finally {
    child.kill('SIGKILL')
    await ended
    execFileSync('umount', ['-l', mount])
  }
})
