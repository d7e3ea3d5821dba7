/** The S3 door alone, as a worker runs it, on a directory given as the argument. Prints one JSON line. */
import { createLog } from '../../lib/log.ts'
import { adopted } from '../fixtures/disk.ts'
import { openDoor } from '../fixtures/door.ts'

const { endpoint, bucket, accessKeyId, secretAccessKey } = await openDoor(adopted(process.argv[2] ?? '.'), {
  // To stderr, the way that a worker's goes.
  log: createLog({ level: 'info', format: 'json' }),
})
console.log(JSON.stringify({ pid: process.pid, endpoint, bucket, accessKeyId, secretAccessKey }))
process.on('SIGTERM', () => process.exit(0))
