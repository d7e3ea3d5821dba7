/**
 * Nodes by their id and by their key. Both tables' chains run through the nodes themselves: a node costs two words
 * of its own and one or less of the tables', where two Maps would cost 57 to 114 bytes.
 */
import type { NodeId } from '../filesystem.ts'
import type { Node } from './nodes.ts'

/** Nodes a bucket, at most; at an eighth of it the tables shrink. */
const mostLoad = 2
const leastBuckets = 1024

const TWO_32 = 2 ** 32

/** 32 bits in which keys that lie near each other lie far apart. */
function hash(key: number | string): number {
  let bits = 0
  if (typeof key === 'number') bits = (key | 0) ^ ((key / TWO_32) | 0)
  else for (let i = 0; i < key.length; i++) bits = Math.imul(bits, 31) + key.charCodeAt(i)
  return Math.imul(bits, 0x9e3779b1)
}

const table = (buckets: number): (Node | null)[] => new Array<Node | null>(buckets).fill(null)

export class NodeIndex {
  #ids = table(leastBuckets)
  #keys = table(leastBuckets)
  /** `hash >>> shift` is a bucket. */
  #shift = 32 - Math.log2(leastBuckets)
  #size = 0

  get size(): number {
    return this.#size
  }

  byId(id: NodeId): Node | null {
    let node = this.#ids[id & (this.#ids.length - 1)] ?? null
    while (node !== null && node.id !== id) node = node.nextById
    return node
  }

  byKey(key: number | string): Node | null {
    let node = this.#keys[hash(key) >>> this.#shift] ?? null
    while (node !== null && node.key !== key) node = node.nextByKey
    return node
  }

  /** The key leads to this node from now on, whatever it led to before. */
  add(node: Node): void {
    const before = this.byKey(node.key)
    if (before !== null) this.#leaveKey(before)
    this.#enter(node)
    this.#enterKey(node)
    this.#size++
    if (this.#size > mostLoad * this.#ids.length) this.#resize(this.#ids.length * 2)
  }

  /** Takes out a node that was added. */
  delete(node: Node): void {
    const bucket = node.id & (this.#ids.length - 1)
    let before = this.#ids[bucket] ?? null
    if (before === node) this.#ids[bucket] = node.nextById
    else {
      while (before !== null && before.nextById !== node) before = before.nextById
      if (before !== null) before.nextById = node.nextById
    }
    node.nextById = null
    this.#leaveKey(node)
    this.#size--
    const buckets = this.#ids.length
    if (buckets > leastBuckets && this.#size * 8 < mostLoad * buckets) this.#resize(buckets / 2)
  }

  *[Symbol.iterator](): Generator<Node> {
    for (const first of this.#ids) for (let node = first; node !== null; node = node.nextById) yield node
  }

  #enter(node: Node): void {
    const bucket = node.id & (this.#ids.length - 1)
    node.nextById = this.#ids[bucket] ?? null
    this.#ids[bucket] = node
  }

  #enterKey(node: Node): void {
    const bucket = hash(node.key) >>> this.#shift
    node.nextByKey = this.#keys[bucket] ?? null
    this.#keys[bucket] = node
  }

  /** Nothing, where the key leads to another node by now. */
  #leaveKey(node: Node): void {
    const bucket = hash(node.key) >>> this.#shift
    let before = this.#keys[bucket] ?? null
    if (before === node) this.#keys[bucket] = node.nextByKey
    else {
      while (before !== null && before.nextByKey !== node) before = before.nextByKey
      if (before !== null) before.nextByKey = node.nextByKey
    }
    node.nextByKey = null
  }

  #resize(buckets: number): void {
    const [ids, keys] = [this.#ids, this.#keys]
    this.#ids = table(buckets)
    this.#keys = table(buckets)
    this.#shift = 32 - Math.log2(buckets)
    for (let node of ids) {
      while (node !== null) {
        const next: Node | null = node.nextById
        this.#enter(node)
        node = next
      }
    }
    for (let node of keys) {
      while (node !== null) {
        const next: Node | null = node.nextByKey
        this.#enterKey(node)
        node = next
      }
    }
  }
}
