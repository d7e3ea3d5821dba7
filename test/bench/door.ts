/** The S3 door alone, as a worker runs it, on a directory given as the argument. Prints one JSON line. */
import { newAccessKeyId, secretOf } from '../../lib/auth/credentials.ts'
import { Keyring } from '../../lib/auth/keyring.ts'
import { defaultSettings, newDiskId, type Disk, type S3User } from '../../lib/disk.ts'
import { createLog } from '../../lib/log.ts'
import { Roster } from '../../lib/roster.ts'
import { identify } from '../../lib/tree/root.ts'
import { createS3Door } from '../../daemon/s3/server.ts'
import { Roots } from '../../lib/tree/roots.ts'

const root = process.argv[2] ?? '.'
const keyring = Keyring.create()
const createdAt = new Date().toISOString()
const disk: Disk = {
  id: newDiskId(),
  alias: null,
  account: 'default',
  kind: 'adopted',
  root,
  identity: identify(root),
  settings: defaultSettings,
  tags: {},
  mountpoint: null,
  mountReadOnly: false,
  createdAt,
}
const user: S3User = {
  accessKeyId: newAccessKeyId(),
  diskId: disk.id,
  name: 'bench',
  access: 'ro',
  keyId: keyring.current,
  createdAt,
}
const roster = new Roster()
roster.replace({ disks: [disk], users: [user] })
const server = createS3Door({
  roster,
  keyring: () => keyring,
  roots: new Roots(),
  log: createLog({ level: 'info', format: 'json' }),
  config: {
    domains: [],
    maxConnections: 4096,
    maxRequests: 1024,
    maxHeaderBytes: 16384,
    headersTimeout: 10_000,
    idleTimeout: 60_000,
    keepAliveTimeout: 75_000,
    listingCacheBytes: 128 * 1024 * 1024,
  },
  other: (_request, response) => response.writeHead(404).end(),
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const { accessKeyId } = user
  console.log(
    JSON.stringify({
      pid: process.pid,
      endpoint: `http://127.0.0.1:${port}`,
      bucket: disk.id,
      accessKeyId,
      secretAccessKey: secretOf(keyring, user),
    }),
  )
})
process.on('SIGTERM', () => process.exit(0))
