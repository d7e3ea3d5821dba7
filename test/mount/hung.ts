/** A mount whose disk holds a file system that doesn't answer: the daemon behind it is stopped. */
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import {
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rmdir,
  stat,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { hungFilesystem } from '../fixtures/hung-filesystem.ts'
import { isMounted } from '../../lib/sys/mountinfo.ts'
import { defaultMountOptions } from '../../mount/engine.ts'
import { kernelEngine } from '../../mount/kernel/engine.ts'
import { mounted } from '../fixtures/mounted.ts'

const skip = existsSync('/dev/fuse') && process.getuid?.() === 0 ? false : 'needs /dev/fuse and root'

/** Milliseconds for what must not hang: a busy machine's, not the mount's. */
const deadline = 10_000

/** What `promise` comes to, or the code of its error; `hangs` when it comes to nothing. */
async function outcome<T>(promise: Promise<T>): Promise<T | string> {
  const late = pause(deadline, 'hangs', { ref: false })
  const code = (error: unknown) => (error as NodeJS.ErrnoException).code ?? String(error)
  return Promise.race([promise.catch(code), late])
}

/** A root with two file systems inside that can be made to hang. */
async function scene(t: Test) {
  // Not tap's own directory, which is removed before the mounts end.
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'twofold-hung-')))
  for (const name of ['hosted/sub', 'root/inner', 'root/sub/inner', 'root/later', 'mount']) {
    mkdirSync(join(directory, name), { recursive: true })
  }
  for (const name of ['hosted/file', 'root/free', 'root/sub/deep']) writeFileSync(join(directory, name), name)
  const [hosted, root, mount] = ['hosted', 'root', 'mount'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ]
  const places = ['inner', 'sub/inner']
  const hung = await Promise.all(places.map((place) => hungFilesystem(hosted, join(root, place))))
  t.teardown(async () => {
    for (const one of hung) one.goOn()
    for (const one of hung) await one.end()
    rmSync(directory, { recursive: true })
  })
  const hang = async (place: string) => {
    const one = await hungFilesystem(hosted, join(root, place))
    hung.push(one)
    one.stop()
  }
  return { root, mount, hung, places, hang }
}

t.test('what is mounted in a root that does not cross is not asked', { skip }, async (t) => {
  const { root, mount, hung, hang } = await scene(t)
  const host = await mounted(root, mount, { engine: 'kernel', attributeTimeout: 0 })
  t.teardown(() => host.stop({ force: true }))
  t.equal(await outcome(readFile(join(mount, 'later/none'))), 'ENOENT', 'the kernel knows the directory')
  for (const one of hung) one.stop()
  // Known to nobody a moment ago, and right away silent.
  await hang('later')
  for (const place of ['inner', 'sub/inner']) {
    const at = join(mount, place)
    t.equal(await outcome(lstat(at)), 'ENOENT', `stat ${place}`)
    t.equal(await outcome(stat(join(at, 'file'))), 'ENOENT')
    t.equal(await outcome(mkdir(at)), 'EEXIST', `mkdir ${place}`)
    t.equal(await outcome(open(at, 'w')), 'EEXIST', `create ${place}`)
    t.equal(await outcome(link(join(mount, 'free'), at)), 'EEXIST', `link ${place}`)
    t.equal(await outcome(rmdir(at)), 'ENOENT', `rmdir ${place}`)
    t.equal(await outcome(unlink(at)), 'ENOENT', `unlink ${place}`)
    t.equal(await outcome(rename(at, join(mount, 'elsewhere'))), 'ENOENT', `rename ${place}`)
    t.equal(await outcome(rename(join(mount, 'free'), at)), 'EISDIR', `rename over ${place}`)
  }
  t.equal(await outcome(lstat(join(mount, 'later'))), 'ENOENT')
  t.same(await outcome(readdir(mount)), ['free', 'sub'])
  t.same(
    await outcome(
      readdir(join(mount, 'sub'), { withFileTypes: true }).then((all) => all.map(({ name }) => name)),
    ),
    ['deep'],
  )
  await outcome(writeFile(join(mount, 'sub/new'), 'new'))
  t.equal(await outcome(readFile(join(mount, 'sub/new'), 'utf8')), 'new')
})

t.test('a mount that hangs can be measured, unmounted and ended', { skip }, async (t) => {
  const { root, mount, hung, places } = await scene(t)
  const session = await kernelEngine.start(
    { root, identity: null, readOnly: false, crossDevices: true, maxDescriptors: 0 },
    mount,
    { ...defaultMountOptions, attributeTimeout: 0, entryTimeout: 0 },
  )
  t.equal(await outcome(readFile(join(mount, 'inner/file'), 'utf8')), 'hosted/file', 'it crosses')
  const { operations: before } = await session.statistics()
  for (const one of hung) one.stop()
  const asked = stat(join(mount, 'inner/file')).catch(() => 'gone')
  // Until it hangs: then nobody notes the figures.
  const measured = async () => {
    const began = performance.now()
    await session.statistics(1000)
    return performance.now() - began
  }
  while ((await measured()) < 900) await pause(10)
  const figures = await outcome(Promise.all(Array.from({ length: 50 }, () => session.statistics(1000))))
  if (typeof figures === 'string') return t.fail(figures)
  for (const { operations } of figures) {
    t.ok((operations['LOOKUP']?.count ?? 0) >= (before['LOOKUP']?.count ?? NaN), 'what was noted is told')
  }
  t.equal(places.length, 2)
  const unmounted = session.unmount(true)
  t.notOk(isMounted(mount), 'it is unmounted at once')
  for (const one of hung) one.goOn()
  t.equal(await outcome(unmounted), undefined)
  await asked
})
