import { runInNewContext } from 'node:vm'
import { setFlagsFromString } from 'node:v8'
import t from 'tap'
import { emptyStat, S, type MutableStat } from '../../../lib/sys/stat.ts'
import type { NodeId } from '../../../mount/filesystem.ts'
import { Nodes } from '../../../mount/disk/nodes.ts'

const device = 0x801n

function statOf(ino: number, more: Partial<MutableStat> = {}): MutableStat {
  return Object.assign(emptyStat(), { dev: device, ino: BigInt(ino), mode: S.IFREG | 0o644, ...more })
}

/** A table whose root is no descriptor at all: nothing here opens anything. */
function table(): Nodes {
  const nodes = new Nodes(64)
  nodes.bind(-1, statOf(2, { mode: S.IFDIR | 0o755 }), true)
  return nodes
}

t.test('nodes are found by id and by inode, however many come and go', async (t) => {
  const nodes = table()
  const known = new Map<number, NodeId>()
  let state = 1
  const below = (limit: number) => (state = (state * 48271) % 0x7fffffff) % limit
  let faults = 0
  for (let i = 0; i < 200_000; i++) {
    // Growing for half of the time, shrinking for the rest.
    const ino = 3 + below(20_000)
    const id = known.get(ino)
    if (id === undefined ? i < 100_000 : below(2) === 0 && i < 100_000) {
      const node = nodes.found(nodes.root, `name ${ino}`, statOf(ino, { btime: 1, btimeNs: ino }))
      if (id !== undefined && node.id !== id) faults++
      known.set(ino, node.id)
    } else if (id !== undefined) {
      const node = nodes.get(id)
      if (node === undefined || node !== nodes.byInode(device, BigInt(ino))) faults++
      else nodes.forget(node, node.lookups)
      if (nodes.get(id) !== undefined || nodes.byInode(device, BigInt(ino)) !== undefined) faults++
      known.delete(ino)
    }
    if (nodes.count !== known.size) faults++
  }
  t.equal(faults, 0)
  for (const id of known.values()) {
    const node = nodes.get(id)
    if (node !== undefined) nodes.forget(node, node.lookups)
  }
  t.equal(nodes.count, 0)
  t.equal(nodes.lookups, 0)
})

t.test(
  'an inode that is used again leads to the new file, and the old node stays until it is forgotten',
  async (t) => {
    const nodes = table()
    const first = nodes.found(nodes.root, 'a', statOf(7, { btime: 100, btimeNs: 1 }))
    const second = nodes.found(nodes.root, 'a', statOf(7, { btime: 100, btimeNs: 2 }))
    t.not(first.id, second.id)
    t.equal(nodes.byInode(device, 7n), second)
    t.equal(nodes.get(first.id), first)
    nodes.forget(first, 1)
    t.equal(nodes.get(first.id), undefined)
    t.equal(nodes.byInode(device, 7n), second, 'what takes the old one away leaves the new one')
    t.equal(nodes.found(nodes.root, 'a', statOf(7, { btime: 100, btimeNs: 2 })), second)
    const later = nodes.found(nodes.root, 'a', statOf(7, { btime: 101, btimeNs: 2 }))
    t.not(later.id, second.id)
    const directory = nodes.found(nodes.root, 'a', statOf(7, { btime: 101, btimeNs: 2, mode: S.IFDIR }))
    t.not(directory.id, later.id, 'another type is another file')
  },
)

t.test('inodes beyond 2^32, beyond 2^53 and of other devices are told apart', async (t) => {
  const nodes = table()
  const stats = [
    statOf(9),
    statOf(9 + 2 ** 32),
    statOf(9 + 2 ** 40),
    statOf(0, { ino: (1n << 53n) + 1n }),
    statOf(0, { ino: (1n << 53n) + 2n }),
    statOf(9, { dev: 0x900n }),
    statOf(9, { dev: 0x901n }),
  ]
  const ids = stats.map((stat) => nodes.found(nodes.root, 'x', stat).id)
  t.equal(new Set(ids).size, stats.length)
  t.same(
    stats.map((stat) => nodes.byStat(stat)?.id),
    ids,
  )
})

t.test('a node costs at most 200 bytes, and its memory comes back when it is forgotten', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const heap = () => {
    collect()
    collect()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
  const nodes = table()
  const stat = statOf(0, { btime: 1_700_000_000 })
  const round = (count: number): number => {
    const before = heap()
    for (let i = 0; i < count; i++) {
      stat.ino = BigInt(1000 + i)
      stat.btimeNs = i
      nodes.found(nodes.root, Buffer.from(`file-${i}.txt`).toString('latin1'), stat)
    }
    const each = (heap() - before) / count
    for (let i = 0; i < count; i++) {
      const node = nodes.byInode(device, BigInt(1000 + i))
      if (node !== undefined) nodes.forget(node, node.lookups)
    }
    return each
  }
  round(1000)
  const empty = heap()
  // Tables are emptiest just after they have grown.
  for (const count of [250_000, 270_000, 500_000]) {
    const each = round(count)
    t.ok(each <= 200, `${count} nodes of ${each.toFixed(0)} bytes`)
    t.equal(nodes.count, 0)
    t.ok(heap() - empty < 2 ** 20, 'nothing is left of them')
  }
})
