import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { defaultMountOptions, type MountOptions } from '../../../mount/engine.ts'
import { MNT, umount2 } from '../../../lib/sys/mount.ts'
import { kernelEngine } from '../../../mount/kernel/engine.ts'
import { JobQueue } from '../../../mount/kernel/job-queue.ts'
import { Job } from '../../../mount/kernel/job.ts'
import { laneMemory, Lanes } from '../../../mount/kernel/lanes.ts'
import { Request } from '../../../mount/kernel/protocol/codec.ts'
import { OPCODE } from '../../../mount/kernel/protocol/opcode-numbers.ts'

const reason = kernelEngine.unavailable() ?? (process.getuid?.() === 0 ? null : 'mounting here needs root')
const only = { skip: reason ?? false }
const program = fileURLToPath(new URL('../../fixtures/held-filesystem.js', import.meta.url))

/** A mount whose disk lies on a file system that holds back what is done with the file `held`. */
async function onHeldDisk(t: Test, options: Partial<MountOptions>) {
  const directory = t.testdir({ host: { free: 'free', sub: { deep: 'deep' } }, disk: {}, mount: {} })
  const [host, disk, mount] = ['host', 'disk', 'mount'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ]
  // Should the test fail, what the disk holds back would keep every process here from ending.
  const slow = spawn('timeout', ['-s', 'KILL', '60', process.execPath, program, host, disk], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(slow.stdout, 'data')
  const session = await kernelEngine.start(
    { root: disk, identity: null, readOnly: false, crossDevices: false, maxDescriptors: 0 },
    mount,
    { ...defaultMountOptions, passthrough: false, attributeTimeout: 0, entryTimeout: 0, ...options },
  )
  const release = async () => {
    await stat(join(disk, 'release')).catch(() => {})
  }
  const end = async () => {
    await release()
    await session.unmount(true)
    await Promise.race([session.closed, pause(3000)])
    umount2(disk, MNT.DETACH)
    if (slow.exitCode === null) await once(slow, 'exit')
  }
  /** Everything that concerns another file than `held` is answered. */
  const goesOn = async () => {
    t.equal((await stat(join(mount, 'held'))).size, 100_000, 'its attributes')
    t.same((await readdir(mount)).toSorted(), ['free', 'held', 'sub'])
    t.equal(await readFile(join(mount, 'free'), 'utf8'), 'free')
    t.equal(await readFile(join(mount, 'sub', 'deep'), 'utf8'), 'deep')
    await writeFile(join(mount, 'sub', 'new'), 'new')
    t.equal(await readFile(join(mount, 'sub', 'new'), 'utf8'), 'new')
  }
  return { mount, session, release, goesOn, end }
}

/** A promise that says whether it is settled. */
function watched<T>(promise: Promise<T>): { promise: Promise<T>; settled: boolean } {
  const watch = { promise, settled: false }
  const settle = () => void (watch.settled = true)
  promise.then(settle, settle)
  return watch
}

t.test('jobs are taken in order, each once, and none after the end', async (t) => {
  const queue = new JobQueue(new SharedArrayBuffer(JobQueue.bytes))
  const job = new Job()
  let put = 0
  while (queue.put(job.begin(OPCODE.FSYNC, put))) put++
  t.equal(put, 1024, 'it is bounded')
  const taken = new Job()
  for (let fd = 0; fd < 1000; fd++) t.ok(queue.claim(taken) && taken.fd === fd)
  // Round its end, with the fields that a job has.
  for (let fd = 0; fd < 500; fd++) t.ok(queue.put(job.begin(OPCODE.READ, fd, 2 ** 52 + 1, 4096)))
  for (let fd = 1000; fd < 1024; fd++) t.ok(queue.claim(taken) && taken.fd === fd)
  t.ok(queue.claim(taken))
  t.match(taken, { opcode: OPCODE.READ, fd: 0, offset: 2 ** 52 + 1, length: 4096 })
  const abandoned: number[] = []
  t.ok(
    queue.stop(0, ({ fd }) => abandoned.push(fd)),
    'nobody is at a job',
  )
  t.equal(abandoned.length, 499)
  t.notOk(queue.put(job), 'and nobody ever will be')
})

t.test('no more lanes are asked for than there is work for, or than there may be', async (t) => {
  const memory = laneMemory(65536)
  let summoned = 0
  const lanes = new Lanes(memory, 2, false, () => summoned++)
  const request = new Request(65536)
  lanes.lend(request)
  const job = new Job()
  t.notOk(lanes.give(job.begin(OPCODE.FSYNC, 1), request), 'nobody is there yet')
  t.notOk(lanes.give(job.begin(OPCODE.FSYNC, 1), request))
  t.equal(summoned, 1)
  new JobQueue(memory.jobs).join()
  t.ok(lanes.give(job.begin(OPCODE.FSYNC, 1), request))
  for (let i = 0; i < 5; i++) t.ok(lanes.give(job.begin(OPCODE.FSYNC, 1), request))
  t.equal(summoned, 2)
  const before = request.bytes
  t.ok(lanes.give(job.begin(OPCODE.WRITE, 1), request))
  t.not(request.bytes, before, "a write's bytes stay where they are")
  let writes = 1
  while (lanes.give(job.begin(OPCODE.WRITE, 1), request)) writes++
  t.equal(writes, 31, 'the next request has a buffer always')
})

t.test('what the disk holds back holds up nobody else', only, async (t) => {
  const { mount, session, release, goesOn, end } = await onHeldDisk(t, {})
  try {
    await t.test('a read, which counts once it is answered', async (t) => {
      const held = watched(readFile(join(mount, 'held'), 'utf8'))
      for (let round = 0; round < 3; round++) await goesOn()
      t.notOk(held.settled)
      const { operations: before } = await session.statistics()
      await release()
      t.equal(await held.promise, 'h'.repeat(100_000))
      const { operations, bytesRead } = await session.statistics()
      t.ok((operations['READ']?.count ?? 0) > (before['READ']?.count ?? 0))
      t.ok((bytesRead ?? 0) >= 100_000)
    })

    await t.test('a write and an fsync, and each file has its own bytes', async (t) => {
      const file = await open(join(mount, 'held'), 'r+')
      const written = watched(file.write(Buffer.alloc(100_000, 'w'), 0, 100_000, 0))
      await goesOn()
      t.notOk(written.settled)
      await release()
      t.equal((await written.promise).bytesWritten, 100_000)
      const synced = watched(file.sync())
      await goesOn()
      t.notOk(synced.settled)
      await release()
      await synced.promise
      const read = readFile(join(mount, 'held'), 'utf8')
      await goesOn()
      await release()
      t.equal(await read, 'w'.repeat(100_000))
      await file.close()
    })
  } finally {
    await end()
  }
})
