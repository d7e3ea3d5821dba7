/**
 * A Debian with systemd as PID 1, in a container that this process boots and ends. Its tree is made once by
 * debootstrap and kept; each container writes to a layer of its own over it. Needs root.
 */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** glibc's first real-time signal, which Node has no name for. */
const SIGRTMIN = 34
const suite = 'bookworm'
const mirror = 'http://deb.debian.org/debian'
const packages = 'systemd,systemd-sysv,dbus,util-linux,fuse3,procps'
const treeDirectory = join(tmpdir(), `twofold-systemd-${suite}`)

/** Why no container can be booted here; undefined where one can. */
export function obstacle(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root'
  if (!existsSync('/dev/fuse')) return 'needs /dev/fuse'
  for (const program of ['systemd-nspawn', 'debootstrap', 'nsenter'])
    if (spawnSync('which', [program]).status !== 0) return `needs ${program}`
  return undefined
}

export interface Result {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface Container {
  /** Runs a shell script inside, beside the units: in the container's own mount namespace. */
  run(script: string): Result
  /** Runs it, and throws where it fails. Answers stdout without the last newline. */
  must(script: string): string
  end(): Promise<void>
}

/** Boots with the repository at /src, Node, and npm reading from this machine's cache alone: there is no network. */
export async function boot(repository: string): Promise<Container> {
  const tree = makeTree()
  const npm = dirname(dirname(realpathSync(execFileSync('which', ['npm'], { encoding: 'utf8' }).trim())))
  const cache = execFileSync('npm', ['config', 'get', 'cache', '--loglevel=error'], {
    encoding: 'utf8',
  }).trim()
  const child = spawn(
    'systemd-nspawn',
    [
      `--directory=${tree}`,
      '--volatile=overlay',
      '--register=no',
      '--keep-unit',
      '--private-network',
      '--bind=/dev/fuse',
      '--capability=all',
      '--system-call-filter=landlock_create_ruleset landlock_add_rule landlock_restrict_self',
      `--bind-ro=${realpathSync(process.execPath)}:/usr/bin/node`,
      `--bind-ro=${npm}:/opt/npm`,
      `--bind=${cache}:/root/.npm`,
      `--bind-ro=${repository}:/src`,
      '--boot',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let console = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (console = (console + text).slice(-4000)))
  const leader = await leaderOf(child)
  const run = (script: string): Result => {
    const { status, stdout, stderr } = spawnSync(
      'nsenter',
      [
        `--target=${leader}`,
        '--mount',
        '--uts',
        '--ipc',
        '--net',
        '--pid',
        '--root',
        'sh',
        '-c',
        // tap puts itself into every child's NODE_OPTIONS.
        `cd /; unset NODE_OPTIONS; ${script}`,
      ],
      {
        encoding: 'utf8',
        timeout: 300_000,
        env: {
          PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
          HOME: '/root',
          npm_config_offline: 'true',
        },
      },
    )
    return { status: status ?? -1, stdout, stderr }
  }
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const container: Container = {
    run,
    must(script) {
      const { status, stdout, stderr } = run(script)
      if (status !== 0) throw new Error(`${script}\nstatus ${status}\n${stdout}${stderr}`)
      return stdout.trimEnd()
    },
    async end() {
      // systemd's own word for "power off", to its PID 1; nspawn ends with it.
      process.kill(leader, SIGRTMIN + 4)
      await Promise.race([ended, sleep(20_000)])
      child.kill('SIGKILL')
      await ended
    },
  }
  for (let i = 0; i < 300; i++) {
    const { stdout } = run('systemctl is-system-running 2>&1')
    if (/^(running|degraded)/.test(stdout)) return container
    await sleep(200)
  }
  await container.end()
  throw new Error(`systemd did not come up:\n${console}`)
}

function makeTree(): string {
  if (existsSync(treeDirectory)) return treeDirectory
  const fresh = `${treeDirectory}.${process.pid}`
  mkdirSync(fresh, { recursive: true })
  try {
    execFileSync('debootstrap', ['--variant=minbase', `--include=${packages}`, suite, fresh, mirror], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    writeFileSync(join(fresh, 'usr/bin/npm'), '#!/bin/sh\nexec node /opt/npm/bin/npm-cli.js "$@"\n', {
      mode: 0o755,
    })
    // Where the binds go.
    writeFileSync(join(fresh, 'usr/bin/node'), '')
    for (const name of ['opt/npm', 'root/.npm', 'src']) mkdirSync(join(fresh, name), { recursive: true })
    renameSync(fresh, treeDirectory)
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true })
    throw error
  }
  return treeDirectory
}

/** PID 1 of the container, as we see it: the one child of nspawn. */
async function leaderOf(child: ChildProcess): Promise<number> {
  for (let i = 0; i < 100; i++) {
    if (child.exitCode !== null) break
    try {
      const tasks = readdirSync(`/proc/${child.pid}/task`)
      for (const task of tasks) {
        const [pid] = readFileSync(`/proc/${child.pid}/task/${task}/children`, 'utf8').split(' ')
        if (pid && readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'systemd') return Number(pid)
      }
    } catch {
      // It has only just begun, or is gone: the loop finds out.
    }
    await sleep(100)
  }
  throw new Error('systemd-nspawn started no systemd')
}
