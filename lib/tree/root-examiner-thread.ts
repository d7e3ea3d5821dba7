/** The thread of root-examiner.ts: it may be held in the kernel for as long as a file system likes. */
import { parentPort } from 'node:worker_threads'
import type { Disk } from '../disk.ts'
import { whyOffline } from './root.ts'

export type FromExaminer =
  { readonly type: 'ready' } | { readonly type: 'answer'; readonly reason: string | undefined }

const say = (message: FromExaminer) => parentPort?.postMessage(message)

parentPort?.on('message', (disk: Disk) => say({ type: 'answer', reason: whyOffline(disk) }))
say({ type: 'ready' })
