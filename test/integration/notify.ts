/** What the service manager is told, heard by a socket such as systemd's. Node has no datagram unix sockets: perl listens. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { twofold } from '../fixtures/daemon.ts'

const noPerl = spawnSync('perl', ['-MSocket', '-e', '1']).status === 0 ? false : 'needs perl'

const listener = `
  use Socket; $| = 1;
  socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die; bind($s, sockaddr_un($ARGV[0])) or die; print "listening\\n";
  while (defined recv($s, my $text, 4096, 0)) { $text =~ s/\\n/ /g; print "$text\\n" }
`

for (const abstract of [false, true]) {
  t.test(
    `ready, watchdog and stopping by ${abstract ? 'an abstract name' : 'a path'}`,
    { skip: noPerl },
    async (t) => {
      const scratch = mkdtempSync(join(tmpdir(), 'twofold-notify-'))
      t.teardown(() => rmSync(scratch, { recursive: true, force: true }))
      const name = join(scratch, 'notify')
      const perl = spawn(
        'perl',
        ['-e', abstract ? listener.replace('$ARGV[0]', '"\\0$ARGV[0]"') : listener, name],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      )
      t.teardown(() => perl.kill())
      let heard = ''
      perl.stdout.setEncoding('utf8').on('data', (text: string) => (heard += text))
      const until = async (text: string) => {
        for (const deadline = Date.now() + 60_000; !heard.includes(text); await pause(20)) {
          if (Date.now() > deadline) throw new Error(`never heard ${text}, only ${heard}`)
        }
      }
      await until('listening')
      const daemon = spawn(
        process.execPath,
        [twofold, 'serve', '--state', join(scratch, 'state'), '--listen', '127.0.0.1:0'],
        {
          stdio: 'ignore',
          env: { ...process.env, NOTIFY_SOCKET: abstract ? `@${name}` : name, WATCHDOG_USEC: '200000' },
        },
      )
      t.teardown(() => daemon.kill('SIGKILL'))
      await until('READY=1')
      t.match(heard, /STATUS=S3 on 127\.0\.0\.1:\d+/)
      t.match(heard, new RegExp(`MAINPID=${daemon.pid}\\b`))
      await until('WATCHDOG=1')
      const ended = once(daemon, 'exit')
      daemon.kill('SIGTERM')
      t.same(await ended, [0, null])
      await until('STOPPING=1')
      t.equal(heard.match(/READY=1/g)?.length, 1)
    },
  )
}
