/**
 * The two doors agree: what was done through the mount, or on the host, is what the very next S3 request
 * answers. HEAD, GET and the listing are asked side by side, over connections to several workers, right after
 * each system call returned; the first stale answer ends the test.
 */
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { engines } from '../../mount/engines.ts'
import { startDaemon, type Daemon } from '../fixtures/daemon.ts'
import { listPage, s3 } from '../fixtures/s3.ts'

/** Of each kind; fewer by the engine that is not the default, since it is slow. */
const manyRounds = 1000
const fewRounds = 200
const scratch = mkdtempSync(join(tmpdir(), 'twofold-coherence-'))
t.teardown(() => rmSync(scratch, { recursive: true, force: true }))
t.setTimeout(290_000)

/** The three answers about one key, as one line, or what they disagree about. */
async function seen(
  daemon: Daemon,
  key: string,
): Promise<{ etag: string; body: string; modified: string } | null> {
  const [head, get, page] = await Promise.all([
    s3(daemon, { method: 'HEAD', key }),
    s3(daemon, { key }),
    listPage(daemon, { prefix: key }),
  ])
  const listed = page.objects.find((object) => object.key === key)
  if (head.status === 404 && get.status === 404 && listed === undefined) return null
  const sizes = [Number(head.headers['content-length']), get.body.length, listed?.size]
  const etags = [head.headers['etag'], get.headers['etag'], listed?.etag]
  const times = [head.headers['last-modified'], get.headers['last-modified']]
  const same = (values: unknown[]) => values.every((value) => value === values[0])
  if (head.status !== 200 || get.status !== 200 || !same(sizes) || !same(etags) || !same(times)) {
    throw new Error(
      `${key}: the answers differ: ${JSON.stringify({ head: head.status, get: get.status, sizes, etags, times })}`,
    )
  }
  const modified = String(times[0])
  if (Date.parse(modified) !== Math.floor(Date.parse(listed?.lastModified ?? '') / 1000) * 1000) {
    throw new Error(`${key}: HEAD says ${modified}, the listing ${listed?.lastModified}`)
  }
  return { etag: String(etags[0]), body: get.body.toString(), modified }
}

async function expect(
  daemon: Daemon,
  path: string,
  key: string,
  body: string | null,
  past?: string,
): Promise<string> {
  const answer = await seen(daemon, key)
  if (answer?.body !== (body ?? undefined)) {
    throw new Error(`${key}: expected ${JSON.stringify(body)}, S3 answered ${JSON.stringify(answer?.body)}`)
  }
  if (answer === null) return ''
  if (answer.etag === past) throw new Error(`${key}: the ETag ${past} is that of what was there before`)
  const { mtimeMs } = statSync(path)
  if (Math.floor(mtimeMs / 1000) * 1000 !== Date.parse(answer.modified)) {
    throw new Error(`${key}: stat says ${new Date(mtimeMs).toISOString()}, S3 ${answer.modified}`)
  }
  return answer.etag
}

/** What is done in one round below `directory`, each followed by what S3 must answer. */
type Round = (
  at: (name: string) => string,
  see: (name: string, body: string | null, past?: string) => Promise<string>,
  i: number,
) => Promise<void>

const kinds: Record<string, Round> = {
  async written(at, see, i) {
    writeFileSync(at(`new-${i}`), `content ${i}`)
    const etag = await see(`new-${i}`, `content ${i}`)
    appendFileSync(at(`new-${i}`), '+')
    await see(`new-${i}`, `content ${i}+`, etag)
    unlinkSync(at(`new-${i}`))
  },
  async 'written in place'(at, see, i) {
    if (i === 0) writeFileSync(at('place'), 'x'.repeat(8))
    writeFileSync(at('place'), String(i).padStart(8, '0'), { flag: 'r+' })
    await see('place', String(i).padStart(8, '0'))
  },
  async renamed(at, see, i) {
    if (i === 0) writeFileSync(at('name-0'), 'it')
    renameSync(at(`name-${i}`), at(`name-${i + 1}`))
    await Promise.all([see(`name-${i}`, null), see(`name-${i + 1}`, 'it')])
  },
  async truncated(at, see, i) {
    if (i % 10 === 0) writeFileSync(at('cut'), '0123456789')
    truncateSync(at('cut'), 9 - (i % 10))
    await see('cut', '0123456789'.slice(0, 9 - (i % 10)))
  },
  async replaced(at, see, i) {
    writeFileSync(at('replacement'), `version ${i}`)
    renameSync(at('replacement'), at('replaced'))
    await see('replaced', `version ${i}`)
  },
  async removed(at, see, i) {
    writeFileSync(at('gone'), `${i}`)
    await see('gone', `${i}`)
    unlinkSync(at('gone'))
    await see('gone', null)
  },
  async 'linked, and its directory renamed'(at, see, i) {
    if (i === 0) {
      mkdirSync(at('dir-0'))
      writeFileSync(at('dir-0/file'), 'inside')
    }
    renameSync(at(`dir-${i}`), at(`dir-${i + 1}`))
    linkSync(at(`dir-${i + 1}/file`), at(`link-${i}`))
    await Promise.all([
      see(`dir-${i}/file`, null),
      see(`dir-${i + 1}/file`, 'inside'),
      see(`link-${i}`, 'inside'),
    ])
    unlinkSync(at(`link-${i}`))
  },
}

function through(
  name: string,
  rounds: number,
  args: readonly string[],
  where: (daemon: Daemon, root: string) => string,
): void {
  t.test(name, async (t) => {
    const root = mkdtempSync(join(scratch, 'root-'))
    const daemon = await startDaemon(root, { args: ['--listen', '127.0.0.1:0', ...args] })
    try {
      const directory = where(daemon, root)
      const work = Object.entries(kinds).map(async ([kind, round]) => {
        const folder = kind.replaceAll(/\W+/g, '-')
        mkdirSync(join(directory, folder))
        const at = (file: string) => join(directory, folder, file)
        const see = (file: string, body: string | null, past?: string) =>
          expect(daemon, at(file), `${folder}/${file}`, body, past)
        for (let i = 0; i < rounds; i++) await round(at, see, i)
        t.pass(`${rounds} files ${kind}, and no stale answer`)
      })
      await Promise.all(work)
    } finally {
      await daemon.stop()
    }
  })
}

through('on the host', manyRounds, ['--no-mount'], (_, root) => root)
for (const engine of engines) {
  const reason = engine.unavailable()
  if (reason !== null) {
    t.test(`through the mount by the engine ${engine.name}`, { skip: reason }, async () => undefined)
    continue
  }
  const rounds = engine === engines[0] ? manyRounds : fewRounds
  through(`through the mount by the engine ${engine.name}`, rounds, ['--engine', engine.name], (daemon) => {
    if (daemon.mountpoint === null) throw new Error(`nothing is mounted:\n${daemon.log()}`)
    return daemon.mountpoint
  })
}
