/**
 * Paths to nodes, for an engine that is given paths: component by component, each a lookup below the node
 * before. Nodes of directories that were walked lately are kept, so that their descriptors stay open; what a
 * name stands for is asked anew every time.
 */
import { LRUCache } from '../../lib/lru.ts'
import { cstring } from '../../lib/sys/libc.ts'
import { emptyStat } from '../../lib/sys/stat.ts'
import { ROOT, type Entry, type Filesystem, type Name, type NodeId } from '../filesystem.ts'

const keptDirectories = 512

export const nameOf = (text: string): Name => cstring(Buffer.from(text))

export class PathWalk {
  readonly #filesystem: Filesystem
  /** One lookup is held on each. */
  readonly #kept: LRUCache<NodeId, true>
  readonly #step: Entry = { node: ROOT, attributes: emptyStat() }

  constructor(filesystem: Filesystem) {
    this.#filesystem = filesystem
    this.#kept = new LRUCache({ max: keptDirectories, dispose: (_, node) => filesystem.forget(node, 1) })
  }

  /**
   * Fills `entry` with what `path` (absolute, `/` is the root) names and counts a lookup on it, as the file
   * system's lookup does: 0, or minus the errno. For the root only its node is filled.
   */
  find(path: string, entry: Entry): number {
    const end = path.lastIndexOf('/')
    const name = path.slice(end + 1)
    if (name === '') {
      entry.node = ROOT
      return 0
    }
    const parent = this.directory(path, end)
    if (parent < 0) return parent
    return this.#filesystem.lookup(parent as NodeId, nameOf(name), entry)
  }

  /** The node of the directory path.slice(0, end), not counted, or minus the errno. */
  directory(path: string, end: number): number {
    let node: NodeId = ROOT
    for (let start = 1; start < end;) {
      const slash = path.indexOf('/', start)
      const stop = slash < 0 || slash > end ? end : slash
      const result = this.#filesystem.lookup(node, nameOf(path.slice(start, stop)), this.#step)
      if (result < 0) return result
      node = this.#step.node
      this.#keep(node)
      start = stop + 1
    }
    return node
  }

  release(entry: Entry): void {
    if (entry.node !== ROOT) this.#filesystem.forget(entry.node, 1)
  }

  /** Gives every kept directory back. */
  forgetAll(): void {
    this.#kept.clear()
  }

  /** Takes over the one lookup just counted on `node`. */
  #keep(node: NodeId): void {
    if (this.#kept.get(node) === true) this.#filesystem.forget(node, 1)
    else this.#kept.set(node, true)
  }
}
