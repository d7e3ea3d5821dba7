/** The unit as `sudo systemd/install` puts it into place, under a real systemd. `npm run test:systemd` */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { boot, obstacle, type Container } from './container.ts'

const repository = fileURLToPath(new URL('../../..', import.meta.url))
const required = process.env.TWOFOLD_REQUIRE_ALL !== undefined
const missing = obstacle()

/** npm inside has no network: whatever a start installs must be in this machine's cache. */
function warmNpmCache(): void {
  const directory = mkdtempSync(join(tmpdir(), 'twofold-npm-'))
  for (const file of ['package.json', 'package-lock.json'])
    cpSync(join(repository, file), join(directory, file))
  execFileSync(
    'npm',
    ['ci', '--workspaces=false', '--ignore-scripts', '--no-fund', '--no-audit', '--loglevel=error'],
    {
      cwd: directory,
      stdio: 'ignore',
    },
  )
  rmSync(directory, { recursive: true })
}

/** Reads the door as an S3 client does, inside the container. */
const getObject = (container: Container, user: string, key: string): string =>
  container.must(`node --input-type=module -e '
    const { s3 } = await import("/src/dist/test/fixtures/s3.js")
    const user = ${user}
    const door = { endpoint: "http://127.0.0.1:9010", bucket: "data", region: "local", accessKeyId: user.identifier, secretAccessKey: user.secretAccessKey }
    const { status, body } = await s3(door, { key: "${key}" })
    console.log(status, body.toString())
  '`)

/** What of ours is mounted, seen by a shell that belongs to no unit. */
const mounts = (container: Container): string =>
  container.run('grep " /mnt/twofold" /proc/self/mounts').stdout

t.test('the unit', { skip: missing !== undefined && !required ? missing : false }, async (t) => {
  if (missing !== undefined) return t.fail(missing)
  warmNpmCache()
  const container = await boot(repository)
  t.teardown(() => container.end())
  let user = ''

  t.test('is installed by one command and reaches active by its own word', async (t) => {
    const { status, stdout, stderr } = container.run('sh /src/systemd/install')
    t.equal(status, 0, stderr)
    t.match(stdout, 'Twofold runs.')
    t.equal(container.must('systemctl is-active twofold'), 'active')
    const show = container.must('systemctl show twofold --property=Type,StatusText')
    t.match(show, 'Type=notify')
    t.match(show, /StatusText=S3 on 127\.0\.0\.1:9010/)
    t.equal(container.must('systemctl is-enabled twofold'), 'enabled')
  })

  t.test('is clean to systemd-analyze verify', async (t) => {
    const { status, stdout, stderr } = container.run(
      'systemd-analyze verify /etc/systemd/system/twofold.service',
    )
    t.equal(stdout + stderr, '')
    t.equal(status, 0)
  })

  t.test('serves both doors, the mount to a shell outside of the unit and to other users', async (t) => {
    container.must(
      'mkdir -p /srv/data/open && echo hello > /srv/data/greeting.txt && chmod 1777 /srv/data/open',
    )
    container.must('twofold disk adopt /srv/data && twofold mount data')
    user = container.must('twofold user add data test --json')
    t.equal(container.must('cat /mnt/twofold/data/greeting.txt'), 'hello')
    container.must(
      'setpriv --reuid=1000 --regid=1000 --clear-groups sh -c "echo mine > /mnt/twofold/data/open/note.txt"',
    )
    t.equal(container.must('cat /srv/data/open/note.txt'), 'mine')
    t.equal(getObject(container, user, 'open/note.txt'), '200 mine')
    container.must('ln -s /etc/hostname /srv/data/out')
    t.match(getObject(container, user, 'out'), /^40[34] /)
    const link = container.must('twofold share data greeting.txt')
    const fetched = container.must(`node -e 'fetch("${link}").then((r) => r.text()).then(console.log)'`)
    t.equal(fetched.trim(), 'hello')
  })

  t.test('keeps its rights to what the unit names', async (t) => {
    const pid = container.must('systemctl show twofold --property=MainPID --value')
    const status = container.must(`cat /proc/${pid}/status`)
    t.match(status, /NoNewPrivs:\s*1/)
    t.match(status, /Seccomp:\s*2/)
    t.not(
      /CapEff:\s*(\w+)/.exec(status)?.[1],
      /CapEff:\s*(\w+)/.exec(container.must('cat /proc/1/status'))?.[1],
    )
    t.equal(
      container.must(`readlink /proc/${pid}/ns/mnt`),
      container.must('readlink /proc/1/ns/mnt'),
      'no mount namespace of its own',
    )
    t.equal(container.must('stat -c %a /run/twofold/control.sock'), '600')
  })

  t.test('runs S3 workers as twofold-s3, confined', async (t) => {
    const uid = container.must('id -u twofold-s3').trim()
    const pids = container.must('pgrep -f "^twofold worker"').trim().split('\n')
    t.equal(pids.length, 2)
    for (const pid of pids) {
      const status = container.must(`cat /proc/${pid}/status`)
      t.match(status, new RegExp(`^Uid:\\s+${uid}\\s+${uid}\\s`, 'm'))
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
        t.match(status, new RegExp(`^${set}:\\s+0000000000000004$`, 'm'))
    }
    const log = container.must('journalctl --unit twofold --output cat')
    t.match(log, /daemon\.ready/)
    t.notMatch(log, /confinement\.partial/, "the unit lets Landlock's system calls through")
  })

  t.test('is back with both doors after its first process was killed', async (t) => {
    const pid = container.must('systemctl show twofold --property=MainPID --value')
    container.must(`kill -9 ${pid}`)
    container.must(
      'for i in $(seq 100); do systemctl is-active -q twofold && [ -e /mnt/twofold/data/greeting.txt ] && exit 0; sleep 0.3; done; exit 1',
    )
    t.not(container.must('systemctl show twofold --property=MainPID --value'), pid)
    t.equal(container.must('cat /mnt/twofold/data/greeting.txt'), 'hello')
    t.equal(getObject(container, user, 'greeting.txt'), '200 hello')
    t.equal(mounts(container).trim().split('\n').length, 1, 'one mount, none left over')
  })

  t.test('stops without leaving a mount or a process', async (t) => {
    t.match(mounts(container), '/mnt/twofold/data')
    const began = Date.now()
    container.must('systemctl stop twofold')
    t.comment(`stopped in ${Date.now() - began} ms`)
    t.equal(mounts(container), '')
    t.equal(
      container.must('systemctl show twofold --property=Result,ExecMainStatus'),
      'Result=success\nExecMainStatus=0',
    )
    t.equal(container.run('pgrep -f "[/]opt/twofold"').stdout, '')
    t.equal(container.must('cat /srv/data/greeting.txt'), 'hello')
  })

  t.test('stops while a file of the mount is open', async (t) => {
    container.must('systemctl start twofold')
    t.match(mounts(container), '/mnt/twofold/data')
    container.must('sleep 60 < /mnt/twofold/data/greeting.txt > /dev/null 2>&1 & echo $! > /run/sleeper')
    container.must('systemctl stop twofold')
    t.equal(mounts(container), '')
    t.equal(container.must('systemctl show twofold --property=Result --value'), 'success')
    container.must('kill $(cat /run/sleeper)')
  })

  t.test('refuses to start over and over where the configuration is wrong', async (t) => {
    container.must(`echo '{"listen": "nowhere"}' > /etc/twofold/config.json`)
    t.not(container.run('systemctl start twofold').status, 0)
    t.equal(
      container.must('systemctl show twofold --property=NRestarts,ExecMainStatus'),
      'NRestarts=0\nExecMainStatus=2',
    )
    container.must('rm /etc/twofold/config.json && systemctl reset-failed twofold')
  })

  t.test('is removed by one command, which leaves the disks', async (t) => {
    container.must('systemctl start twofold && sh /src/systemd/install --remove')
    t.not(container.run('systemctl cat twofold').status, 0)
    t.equal(mounts(container), '')
    t.equal(container.must('cat /srv/data/greeting.txt'), 'hello')
    container.must('test -e /var/lib/twofold')
  })
})
