/**
 * `npm run test:pjd -- DIR`: runs pjdfstest, checked out and built in DIR, on a mount by the kernel engine (or
 * `--engine fuse-native`, or on the `--plain` directory). Ends with status 1 when a test fails.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { defaultMountOptions } from '../../mount/engine.ts'
import { engines } from '../../mount/engines.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engine: { type: 'string', default: 'kernel' },
    plain: { type: 'boolean', default: false },
    'no-passthrough': { type: 'boolean', default: false },
  },
})

const leave = (text: string): never => {
  process.stderr.write(`${text}\n`)
  process.exit(2)
}
const suite = resolve(
  process.env['INIT_CWD'] ?? '.',
  positionals[0] ?? leave('which directory holds pjdfstest?'),
)
if (process.getuid?.() !== 0) leave('pjdfstest wants to be root')
if (!existsSync(join(suite, 'tests'))) leave(`${suite} is no checkout of pjdfstest`)
if (!existsSync(join(suite, 'pjdfstest'))) {
  leave(`build it first: (cd ${suite} && autoreconf -ifs && ./configure && make pjdfstest)`)
}

const scratch = mkdtempSync(join(tmpdir(), 'twofold-pjd-'))
const [root, mountpoint] = [join(scratch, 'root'), join(scratch, 'mnt')]
mkdirSync(root)
mkdirSync(mountpoint)
const engine = engines.find(({ name }) => name === values.engine) ?? leave(`no engine ${values.engine}`)
const timeout = engine.supports.has('notify') ? 1 : 0
const session = values.plain
  ? null
  : await engine.start(
      { root, identity: null, readOnly: false, crossDevices: false, maxDescriptors: 0 },
      mountpoint,
      {
        ...defaultMountOptions,
        attributeTimeout: timeout,
        entryTimeout: timeout,
        passthrough: !values['no-passthrough'],
      },
    )

// fuse-native serves from this very thread: it must stay free while the tests run.
const tests = spawn('prove', ['-r', '-j2', '-Q', join(suite, 'tests')], {
  cwd: session === null ? root : mountpoint,
  stdio: 'inherit',
})
const status = await new Promise<number>((done) => tests.once('exit', (code) => done(code ?? 1)))
if (session !== null) {
  await session.unmount(true)
  await Promise.race([session.closed, pause(2000)])
}
rmSync(scratch, { recursive: true, force: true })
process.exit(status)
