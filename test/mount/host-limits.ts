/** What the host's file system denies its users it denies them in the mount: ext4's blocks that are reserved for root. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { loopExt4 } from '../fixtures/loop-ext4.ts'
import { mounted } from '../fixtures/mounted.ts'

const program = fileURLToPath(new URL('../fixtures/fill.js', import.meta.url))
const user = { uid: 4001, gid: 4001 }
const other = { uid: 4002, gid: 4002 }
const root = { uid: 0, gid: 0 }

/** 40 % of it are root's alone. */
const host = loopExt4('32M', ['-b', '4096', '-m', '40', '-N', '12000'])
const skip = host === undefined ? 'needs root, /dev/fuse, mkfs.ext4 and loop devices' : false

async function shown(t: Test, passthrough: 'auto' | 'off') {
  const { directory } = host ?? { directory: '' }
  const [disk, mount] = [join(directory, 'disk'), join(directory, 'mount')]
  const session = await mounted(disk, mount, { engine: 'kernel', passthrough })
  t.teardown(() => session.stop({ force: true }))
  const free = () => {
    const { bfree, bavail, bsize } = statfsSync(disk)
    return { reserved: (bfree - bavail) * bsize, all: bfree * bsize, ours: bavail * bsize }
  }
  const empty = free()
  /** Takes all that can be had: what was told in the end, and how much of the reserve is left. */
  const fill = async (method: string, as: { uid: number; gid: number }) => {
    const place = join(mount, 'place')
    mkdirSync(place)
    await chmod(place, 0o777)
    writeFileSync(join(mount, 'stock'), Buffer.alloc(1 << 20, 's'))
    const args = [program, method, place, join(mount, 'stock')]
    const { stdout, signal } = spawnSync(process.execPath, args, {
      ...as,
      env: {},
      encoding: 'utf8',
      timeout: 60_000,
    })
    execFileSync('sync', ['-f', disk])
    const { all } = free()
    rmSync(place, { recursive: true })
    rmSync(join(mount, 'stock'))
    // Blocks come back when the last descriptor is closed.
    while (free().ours < empty.ours * 0.98) await pause(20)
    return { told: signal ?? stdout, left: all / empty.reserved }
  }
  return { disk, mount, fill, free }
}

const methods = [
  'write',
  'append',
  'files',
  'fallocate',
  'copyFile',
  'copyFileRange',
  'holes',
  'mapping',
  'mkdir',
  'symlink',
  'xattr',
]

for (const passthrough of ['auto', 'off'] as const) {
  t.test(`nobody takes what is root's, passthrough ${passthrough}`, { skip }, async (t) => {
    const { fill } = await shown(t, passthrough)
    for (const [i, method] of methods.entries()) {
      const { told, left } = await fill(method, i % 2 === 0 ? user : other)
      // A mapping whose page finds no room kills who writes it, unless the kernel asks us only when it is synced.
      t.match(told, method === 'mapping' ? /^(?:ENOSPC|EIO|SIGBUS)$/ : /^ENOSPC$/, `${method} ends`)
      t.ok(left > 0.98 && left < 1.3, `${method} leaves ${left.toFixed(3)} of the reserve`)
    }
    for (const method of ['mkdir', 'fallocate', 'xattr']) {
      const { told, left } = await fill(method, root)
      t.match(told, 'ENOSPC')
      t.ok(left < 0.5, `root reaches the reserve by ${method}: ${left.toFixed(3)} is left`)
    }
    const { left } = await fill('write', root)
    t.ok(
      passthrough === 'auto' ? left > 0.98 : left < 0.1,
      `what root writes leaves ${left.toFixed(3)} of it`,
    )
  })
}
t.teardown(() => host?.end())
