/**
 * The thread that serves a mount. It waits in read(2), does what is asked by synchronous calls and answers by
 * write(2), with no hop to another thread in between; so it hears messages only when a request comes, which
 * our own process sees to by statfs(2) on the mount (waker.ts).
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { errno, errnoName } from '../../lib/sys/errno.ts'
import { FS, remoteTypes } from '../../lib/sys/filesystem.ts'
import { cstring } from '../../lib/sys/libc.ts'
import { statFs, emptyStatFs } from '../../lib/sys/statfs.ts'
import { openDiskFilesystem } from '../disk/filesystem.ts'
import type { Change } from '../engine.ts'
import { Backings } from './backings.ts'
import { CallerCredentials } from './caller-credentials.ts'
import { Exchange } from './exchange.ts'
import { Figures, USAGE } from './figures.ts'
import { HostLocks } from './host-locks.ts'
import { Lanes } from './lanes.ts'
import { LockWaits } from './lock-waits.ts'
import type { ChangedNodes } from './notify.ts'
import { printLine } from './print-line.ts'
import { validity } from './protocol/codec.ts'
import { opcodeName } from './protocol/opcode-numbers.ts'
import { RequestReader } from './request-reader.ts'
import { Session } from './session.ts'
import { maxTransfer, type FromThread, type ThreadStart, type ToThread } from './thread-messages.ts'

const start = workerData as ThreadStart
const port = parentPort
if (port === null) throw new Error('not a thread')
const tell = (message: FromThread): void => port.postMessage(message)

const { device, disk, options } = start
const figures = new Figures(start.figures, 0)
const host = emptyStatFs()
const known = statFs(disk.root, host) === 0
const lanes = new Lanes(start.memory, start.lanes, known && remoteTypes.has(host.type), () =>
  tell({ type: 'lane' }),
)
const credentials = new CallerCredentials()
const filesystem = openDiskFilesystem(disk, credentials, (fd) => lanes.close(fd))
const backings = new Backings(device, (handle) => filesystem.descriptor(handle), credentials)
const exchange = new Exchange(
  filesystem,
  backings,
  validity(options.entryTimeout, options.attributeTimeout),
  { maxRead: maxTransfer, maxWrite: maxTransfer },
)

exchange.credentials = credentials
exchange.birthTimes = options.birthTimes
if (start.locks !== null) {
  exchange.locks = new HostLocks(filesystem, new LockWaits(start.locks, () => tell({ type: 'locks' })))
}
function nodesOf({ directory: { dev, ino }, name, before }: Change): ChangedNodes {
  const directory = filesystem.nodeOf(dev, ino)
  return {
    directory,
    now: directory === 0 ? 0 : filesystem.nodeAt(directory, cstring(name)),
    before: before === undefined ? 0 : filesystem.nodeOf(before.dev, before.ino),
  }
}

exchange.onWake = () => {
  const { nodes, handles, refusedHandles, descriptors } = filesystem.usage()
  const { usage } = figures
  usage[USAGE.nodes] = nodes
  usage[USAGE.handles] = handles
  usage[USAGE.refusedHandles] = refusedHandles
  usage[USAGE.descriptors] = descriptors
  usage[USAGE.bytesRead] = exchange.bytesRead
  usage[USAGE.bytesWritten] = exchange.bytesWritten
  usage[USAGE.passed] = backings.used ? 1 : 0
  for (;;) {
    const received = receiveMessageOnPort(port) as { message: ToThread } | undefined
    if (received === undefined) break
    const { id, changes } = received.message
    tell({ type: 'resolved', id, nodes: changes.map(nodesOf) })
  }
}

backings.onRefusal = (refusal) => {
  const why =
    refusal === errno.EPERM ? 'it needs CAP_SYS_ADMIN' : `the disk's file system says ${errnoName(refusal)}`
  tell({ type: 'notice', text: `passthrough is off: ${why}` })
}

const stacked = known && host.type === FS.OVERLAY
lanes.lend(exchange.request)
exchange.lanes = lanes
const reader = new RequestReader(device)
const session = new Session(
  reader,
  exchange,
  {
    locks: start.locks !== null,
    passthrough: options.passthrough,
    stackDepth: stacked ? 2 : 1,
    maxWrite: maxTransfer,
  },
  figures,
  {
    ready() {
      if (options.passthrough && !backings.enabled) {
        tell({ type: 'notice', text: 'passthrough is off: this kernel has none (Linux 6.9 does)' })
      }
      backings.probe(disk.root)
      // What is needed for the look is made while nobody waits.
      if (!disk.readOnly) filesystem.isFrozen()
      tell({ type: 'ready' })
    },
    fault: (opcode, thrown) => {
      const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
      tell({ type: 'fault', text: `${opcodeName(opcode)}: ${text}` })
    },
    line: printLine,
    frozen: (waits) => tell({ type: 'frozen', waits }),
  },
  options.trace,
)
const ended = session.run()
const letGo = exchange.locks?.close() ?? true
// A call that hangs has its descriptors still, which must not become another file's.
if (lanes.stop() && letGo) {
  filesystem.close()
  reader.close()
}
tell({ type: 'ended', errno: -ended })
